-- map inside map.
-- expect: error: stack overflow
local function f() local x = map({ 1 }, f) return x end
f()
