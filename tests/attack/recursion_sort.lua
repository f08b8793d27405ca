-- Sorts inside a comparison.
-- expect: error: stack overflow
local function f() table.sort({ 1, 2, 3 }, f) return true end
f()
