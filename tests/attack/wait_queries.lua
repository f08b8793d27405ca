-- Asks the database without end.
-- expect: error: more than 20 database calls in one run
while true do db.query("SELECT 1") end
