-- Iterators over texts without end.
-- expect: memory
local t = {}
while true do t[#t + 1] = string.gmatch("x", "x") end
