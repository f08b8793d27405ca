-- Writes text messages to the caller without end.
-- expect: error: more than 50 waits in one run
while true do call:send_sms("Buy!") end
