-- Makes figures without end.
-- expect: cpu
local n = 0
while true do
  n = n + 1
  metrics.count("attack", 1, { n = n })
end
