-- A handler of errors that fails itself.
-- expect: cpu
local function again() error("again") end
while true do xpcall(again, again) end
