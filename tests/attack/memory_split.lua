-- Splits texts without end.
-- expect: memory
local t = {}
local s = ("a,"):rep(1000)
while true do t[#t + 1] = text.split(s) end
