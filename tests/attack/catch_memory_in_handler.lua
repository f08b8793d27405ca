-- Fills the memory from a handler of errors.
-- expect: memory
local t = {}
local function fill() while true do t[#t + 1] = {} end end
while true do xpcall(fill, fill) end
