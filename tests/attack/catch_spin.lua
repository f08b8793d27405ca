-- Catches whatever stops its loop, and goes on.
-- expect: cpu
while true do
  pcall(function() while true do end end)
end
