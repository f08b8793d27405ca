-- Writes a table that holds itself.
-- expect: error: nested too deeply
local t = {}
t.t = t
local s = json.encode(t)
