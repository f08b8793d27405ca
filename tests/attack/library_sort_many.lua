-- Sorts too many items.
-- expect: error: items are too many
local t = {}
for i = 1, 20001 do t[i] = -i end
table.sort(t)
