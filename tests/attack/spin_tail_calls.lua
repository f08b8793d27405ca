-- Two functions that call each other in the last line, for ever.
-- expect: cpu
local ping
local function pong() return ping() end
ping = function() return pong() end
ping()
