-- Formats itself while it is formatted.
-- expect: error: too deeply
local t = setmetatable({}, {})
getmetatable(t).__tostring = function(self) local s = string.format("%s", self) return s end
local s = string.format("%s", t)
