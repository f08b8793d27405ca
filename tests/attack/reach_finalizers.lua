-- Makes an object with a finalizer.
-- expect: error: unknown name `newproxy`
local p = newproxy(true)
