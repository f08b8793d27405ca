-- Reads a file.
-- expect: error: unknown name `io`
local f = io.open("/etc/passwd")
