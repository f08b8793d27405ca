-- A result of too many values.
-- expect: error: has too many values
local t = {}
for i = 1, 30000 do t[i] = 1 end
return t
