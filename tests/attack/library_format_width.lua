-- A format wider than any line.
-- expect: error: tools/attack.lua
local s = string.format("%99999s", "x")
