-- A metamethod that sets itself.
-- expect: error: tools/attack.lua
local t = setmetatable({}, {})
getmetatable(t).__newindex = function(self, key, value) self[key] = value return nil end
t.x = 1
