-- Catches that it may not wait any more, and waits on.
-- expect: cpu
while true do pcall(sleep, 0) end
