-- Three hundred optional letters.
-- expect: error: tools/attack.lua
local at = ("x"):rep(300):find(("x?"):rep(300) .. "y")
