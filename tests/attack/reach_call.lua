-- Changes the call.
-- expect: error: cannot be set
call.from = "+15550100002"
