-- Asks a host that is not allowed.
-- expect: error: not_allowed
local reply, problem = http.get("http://169.254.169.254/latest/meta-data/")
error(problem.kind)
