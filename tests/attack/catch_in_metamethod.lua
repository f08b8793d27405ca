-- Catches its end inside a metamethod.
-- expect: cpu
local t = setmetatable({}, { __index = function() while true do pcall(function() while true do end end) end end })
local x = t.x
