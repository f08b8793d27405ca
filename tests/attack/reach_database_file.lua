-- Opens another database.
-- expect: error: ATTACH, DETACH and VACUUM are not available to scripts
local rows, problem = db.exec("ATTACH '/tmp/x.db' AS x")
error(problem.message)
