-- Takes notes without end.
-- expect: error: more than 50 notes in one run
while true do call.note("again") end
