-- A comparison that says anything.
-- expect: error: tools/attack.lua
local t = {}
for i = 1, 200 do t[i] = i end
for _ = 1, 50 do table.sort(t, function() return true end) end
error("not sorted")
