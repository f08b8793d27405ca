-- Weak tables without end.
-- expect: memory
local t = {}
while true do t[#t + 1] = setmetatable({ {} }, { __mode = "k" }) end
