-- Changes the environment of a function.
-- expect: error: unknown name `setfenv`
setfenv(1, {})
