-- A result longer than the model may get.
-- expect: error: is too long
return ("x"):rep(100000)
