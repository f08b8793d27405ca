-- More captures than there may be.
-- expect: error: too many captures
local at = ("x"):find(("("):rep(40))
