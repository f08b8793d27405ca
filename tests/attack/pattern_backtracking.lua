-- A pattern with many ways to fail.
-- expect: error: pattern takes too long
local at = (("a"):rep(100)):find((".-"):rep(4) .. "b")
