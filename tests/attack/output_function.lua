-- A result that is a function.
-- expect: error: cannot be given to the model
return { f = print }
