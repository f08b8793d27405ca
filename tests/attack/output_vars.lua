-- Makes call.vars hold itself.
-- expect: error: call.vars cannot be kept
call.vars.vars = call.vars
return 1
