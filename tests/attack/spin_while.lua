-- A loop that never ends.
-- expect: cpu
while true do end
