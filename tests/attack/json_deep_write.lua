-- Writes a table nested a hundred deep.
-- expect: error: nested too deeply
local t = {}
for i = 1, 100 do t = { t } end
local s = json.encode(t)
