-- Reads dates again and again.
-- expect: cpu
while true do time.parse("next Tuesday at half past two in the afternoon") end
