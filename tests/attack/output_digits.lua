-- Presses keys without end.
-- expect: error: more than 20 such calls in one run
while true do call:send_digits(("1"):rep(64)) end
