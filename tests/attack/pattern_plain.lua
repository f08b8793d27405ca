-- Looks for a long text in a long text.
-- expect: cpu
local s, p = ("a"):rep(5e5), ("a"):rep(2e5) .. "b"
while true do s:find(p, 1, true) end
