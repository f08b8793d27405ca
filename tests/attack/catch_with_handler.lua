-- A handler of errors that never ends.
-- expect: cpu
while true do
  xpcall(error, function() while true do end end)
end
