-- Joins too many items.
-- expect: error: items are too many
local t = {}
for i = 1, 60000 do t[i] = "x" end
local s = table.concat(t)
