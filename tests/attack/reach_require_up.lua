-- Requires a file outside of the folder.
-- expect: error: expected a name like
local f = require "lib...agents.tester"
