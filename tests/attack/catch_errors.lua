-- Throws and catches without end.
-- expect: cpu
while true do pcall(error, "again") end
