-- Replaces every letter of a long text, again and again.
-- expect: cpu
local s = ("x"):rep(1e5)
while true do s:gsub("x", "y") end
