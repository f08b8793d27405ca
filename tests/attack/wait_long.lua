-- Sleeps longer than the tool may take.
-- expect: wall
sleep(60)
