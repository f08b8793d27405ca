-- Counts without end.
-- expect: error: more than 50 kv calls in one run
while true do kv.increment("n") end
