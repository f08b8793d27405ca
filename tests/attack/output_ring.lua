-- A result that holds itself.
-- expect: error: nested too deeply
local t = {}
t[1] = t
return t
