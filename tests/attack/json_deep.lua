-- Reads a text of a thousand brackets.
-- expect: error: this is not JSON
local value, problem = json.decode(("["):rep(1000) .. ("]"):rep(1000))
error(problem.message)
