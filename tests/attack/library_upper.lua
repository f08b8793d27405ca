-- Changes a long text again and again.
-- expect: cpu
local s = ("x"):rep(1e6)
while true do s:upper() end
