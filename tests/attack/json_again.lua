-- Reads JSON again and again.
-- expect: cpu
local s = ("[1,"):rep(10) .. "1" .. ("]"):rep(10)
while true do json.decode(s) end
