---@meta

--- Lines in the service's log, with the call and the script. Do not log what callers say: the transcript has it, and logs
--- are read by more people. Limit: 50 lines in one run, `print` included; further ones are left out.
---@class log
log = {}

--- A line of the level info.
---@param text string
---@param fields? table<string, any>
--- ```lua
--- log.info("message left", { urgency = args.urgency })
--- ```
function log.info(text, fields) end

--- A line of the level warning.
---@param text string
---@param fields? table<string, any>
--- ```lua
--- log.warn("calendar is slow", { seconds = 4 })
--- ```
function log.warn(text, fields) end

--- A line of the level error.
---@param text string
---@param fields? table<string, any>
--- ```lua
--- log.error("calendar refused our token")
--- ```
function log.error(text, fields) end
