-- Calls C.
-- expect: error: unknown name `ffi`
local C = ffi.C
