-- A metamethod that asks itself.
-- expect: error: tools/attack.lua
local t = setmetatable({}, {})
getmetatable(t).__index = function(self, key) local x = self[key] return x end
local x = t.x
