---@meta

--- JSON text and values.
---@class json
---@field null userdata An explicit null; also for SQL
json = {}

--- The value as JSON text. A list must have no gaps and no named fields.
---@param value any
---@return string text
--- ```lua
--- log.info("booked", { slot = json.encode { date = args.date, time = args.time } })
--- ```
function json.encode(value) end

--- The value of a JSON text. null in an object is an absent field, in a list it is `json.null`.
---@param text string
---@return any value
---@return Problem? problem of the kind `mistake`
--- ```lua
--- local order, problem = json.decode(reply.body)
--- ```
function json.decode(text) end

--- Marks a table as a list, so that it stays one when it is empty.
---@param items? table A new one unless given
---@return table items The same table
--- ```lua
--- return { free = json.list {} }
--- ```
function json.list(items) end
