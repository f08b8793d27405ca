-- More branches than there may be.
-- expect: error: more than 16 branches at a time
local t = {}
for i = 1, 100 do t[i] = function() sleep(1) end end
parallel(t)
