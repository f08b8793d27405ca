-- A ring of tables that pass on what they lack.
-- expect: error: tools/attack.lua
local a, b = {}, {}
setmetatable(a, { __index = b })
setmetatable(b, { __index = a })
local x = a.x
