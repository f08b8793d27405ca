-- Looks for an end that is not there.
-- expect: error: pattern takes too long
local at = (("a"):rep(1e5)):find(".-b")
