-- Unpacks more than there is room for.
-- expect: error: tools/attack.lua
local t = {}
local x = select("#", unpack(t, 1, 1e8))
