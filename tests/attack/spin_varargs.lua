-- Thousands of arguments, again and again.
-- expect: cpu
local t = {}
for i = 1, 200 do t[i] = i end
while true do select("#", unpack(t)) end
