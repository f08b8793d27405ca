-- The trim that everybody writes, on many spaces.
-- expect: error: pattern takes too long
local s = ("x" .. (" "):rep(1e5) .. "x"):match("^%s*(.-)%s*$")
