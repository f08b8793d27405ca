-- Reads a number of a million digits.
-- expect: cpu
local s = ("1"):rep(1e6)
while true do tonumber(s) end
