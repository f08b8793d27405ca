-- Looks at other functions.
-- expect: error: unknown name `debug`
debug.sethook()
