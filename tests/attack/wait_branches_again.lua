-- Branches again and again.
-- expect: error: more than 50 waits in one run
while true do parallel { function() end } end
