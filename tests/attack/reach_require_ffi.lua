-- Requires what is not a script.
-- expect: error: expected a name like
local f = require "ffi"
