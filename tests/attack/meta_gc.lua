-- A table with a finalizer that spins: tables have none.
-- expect: cpu
setmetatable({}, { __gc = function() while true do end end })
local t
while true do t = setmetatable({}, { __gc = function() error("x") end }) end
