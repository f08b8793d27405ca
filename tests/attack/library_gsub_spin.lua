-- A replacement that never ends, and catches its end.
-- expect: cpu
while true do
  pcall(string.gsub, "x", "x", function() while true do pcall(function() while true do end end) end end)
end
