-- Sets a global variable.
-- expect: error: would be a global variable
leaked = 1
