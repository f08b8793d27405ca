-- Looks for a bracket that does not close.
-- expect: error: pattern takes too long
local at = (("("):rep(1e5)):find("%b()")
