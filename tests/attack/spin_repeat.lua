-- A loop whose condition never holds.
-- expect: cpu
local n = 0
repeat n = n + 1 until n < 0
