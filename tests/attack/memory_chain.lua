-- A list in which each item holds the one before.
-- expect: memory
local head
while true do head = { head } end
