-- Calls itself as a function.
-- expect: error: tools/attack.lua
local t = setmetatable({}, {})
getmetatable(t).__call = function(self) local x = self() return x end
local x = t()
