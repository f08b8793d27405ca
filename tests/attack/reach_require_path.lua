-- Requires a path.
-- expect: error: expected a name like
local f = require "/etc/passwd"
