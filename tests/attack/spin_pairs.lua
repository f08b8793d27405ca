-- Goes through a table again and again.
-- expect: cpu
local t = { 1, 2, 3 }
while true do
  for _ in pairs(t) do end
end
