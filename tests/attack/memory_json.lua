-- Reads JSON into memory without end.
-- expect: memory
local text = json.encode(json.list { 1, 2, 3, "four", { five = 6 } })
local t = {}
while true do t[#t + 1] = json.decode(text) end
