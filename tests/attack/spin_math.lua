-- Arithmetic without end.
-- expect: cpu
local x = 1.5
while true do x = math.sin(x) + math.random() end
