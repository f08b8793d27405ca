-- Replaces inside a replacement.
-- expect: error: too deeply
local function f() local s = ("x"):gsub("x", f) return s end
f()
