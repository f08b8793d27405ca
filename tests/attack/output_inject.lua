-- Tells the model a novel.
-- expect: error: call.inject
call.inject(("x"):rep(100000))
