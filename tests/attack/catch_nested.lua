-- Catches inside a catch inside a catch.
-- expect: cpu
local function deep(n)
  while true do
    if n > 0 then pcall(deep, n - 1) else pcall(function() while true do end end) end
  end
end
deep(10)
