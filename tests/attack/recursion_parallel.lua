-- Branches of branches of branches.
-- expect: error: more than
local function f() parallel { f, f } end
f()
