---@meta

--- The database. Statements wait without holding up the call.
---
--- Each `?` takes one more argument, or one table gives values to `:name`. Never join values into the SQL. Scripts may read
--- the runtime's tables (`calls`, `transcript`, ...) but not write them; tables are made by files in `scripts/migrations/`.
--- Problems: `constraint` (the data do not allow it: a slot is taken), `busy`, `timeout` (more than 2 s), `full`, `mistake`.
--- Limits: 20 uses in one run, 1000 rows, one statement at a time.
---@class db
db = {}

--- What a statement changed.
---@class db.Changes
---@field changes integer Rows
---@field last_id integer Of the row that was inserted; 0 when none was

--- Rows, as tables by column name; NULL is nil.
---@param sql string
---@param ... any Values for `?`, or one table for `:name`
---@return table[]? rows
---@return Problem? problem
--- ```lua
--- local rows, problem = db.query("SELECT appointment_date FROM appointments WHERE phone_number = :phone", { phone = call.from })
--- if not rows then return fail("I cannot look that up at the moment.", problem) end
--- ```
function db.query(sql, ...) end

--- Runs a statement that changes something.
---@param sql string
---@param ... any
---@return db.Changes? done
---@return Problem? problem
--- ```lua
--- local done, problem = db.exec("INSERT INTO messages (phone, message) VALUES (?, ?)", call.from, args.message)
--- ```
function db.exec(sql, ...) end

--- Runs up to 50 statements, all or none.
---@param statements table[] Each is { sql, value, ... } or { sql, { name = value } }
---@return table[]? results One for each: changes, last_id and rows
---@return Problem? problem
--- ```lua
--- db.transaction {
---   { "DELETE FROM appointments WHERE id = ?", args.id },
---   { "INSERT INTO cancelled (id, phone) VALUES (:id, :phone)", { id = args.id, phone = call.from } },
--- }
--- ```
function db.transaction(statements) end
