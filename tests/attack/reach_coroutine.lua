-- Makes coroutines.
-- expect: error: unknown name `coroutine`
local c = coroutine.wrap(function() end)
