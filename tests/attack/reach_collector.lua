-- Turns the garbage collector off.
-- expect: error: unknown name `collectgarbage`
collectgarbage("stop")
