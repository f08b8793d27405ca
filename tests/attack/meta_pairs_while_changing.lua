-- Adds to the table it goes through.
-- expect: cpu
local t = { 1 }
while true do
  for k in pairs(t) do t[k] = nil t[(k * 7 + 1) % 1000] = true end
end
