-- Writes the log without end.
-- expect: cpu
while true do log.info("again") end
