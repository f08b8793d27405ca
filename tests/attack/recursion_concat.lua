-- Joins itself to itself.
-- expect: error: tools/attack.lua
local t = setmetatable({}, {})
getmetatable(t).__concat = function(a, b) local x = a .. b return x end
local x = t .. t
