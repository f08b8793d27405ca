-- Fills call.vars.
-- expect: memory
local n = 0
while true do
  n = n + 1
  call.vars["k" .. n] = ("x"):rep(100)
end
