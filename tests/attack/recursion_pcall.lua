-- Calls itself through pcall.
-- expect: error: tools/attack.lua
local function f() local ok, message = pcall(f) error(message) end
f()
