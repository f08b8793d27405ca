-- Replaces inside a replacement.
-- expect: error: stack overflow
local function f() local s = ("x"):gsub("x", f) return s end
f()
