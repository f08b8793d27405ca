-- Long texts again and again.
-- expect: cpu
while true do local s = ("x"):rep(1e6) end
