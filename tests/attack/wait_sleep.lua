-- Sleeps without end.
-- expect: error: more than 50 waits in one run
while true do sleep(0) end
