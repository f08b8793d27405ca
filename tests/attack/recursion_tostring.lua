-- Becomes text by becoming text.
-- expect: error: tools/attack.lua
local t = setmetatable({}, {})
getmetatable(t).__tostring = function(self) local s = tostring(self) return s end
local s = tostring(t)
