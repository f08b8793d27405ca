-- Functions that call each other.
-- expect: error: stack overflow
local g
local function f() local x = g() return x end
g = function() local x = f() return x end
f()
