-- Digests of long texts again and again.
-- expect: cpu
local s = ("x"):rep(1e6)
while true do crypto.sha256(s) end
