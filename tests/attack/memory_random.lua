-- Random names without end.
-- expect: memory
local t = {}
while true do t[#t + 1] = crypto.uuid() .. crypto.random_token(256) end
