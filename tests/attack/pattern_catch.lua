-- Catches the limit of a pattern, again and again.
-- expect: cpu
while true do pcall(string.find, ("a"):rep(1e5), ".-b") end
