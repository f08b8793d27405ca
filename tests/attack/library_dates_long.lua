-- A date of ten thousand words.
-- expect: error: too long for a date
local when, problem = time.parse(("next "):rep(10000))
error(problem.message)
