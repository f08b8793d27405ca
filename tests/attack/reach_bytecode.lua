-- Makes code out of bytecode.
-- expect: error: unknown name `load`
local f = load("\27LJ\2\0")
