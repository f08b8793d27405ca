-- Compares with a metamethod that spins.
-- expect: cpu
local m = { __eq = function() while true do end end }
local same = setmetatable({}, m) == setmetatable({}, m)
