---@meta

--- The call, as `run(args, call)` and the hooks get it. `call.f(...)` and `call:f(...)` both work.
---@class call
---@field from string The caller's number as the carrier gives it, or a word such as `anonymous`
---@field to string The number that was called
---@field sid string The carrier's id of the call
---@field agent string Name of the agent
---@field direction string `inbound` or `outbound`
---@field started_at string Such as "2026-11-20T18:52:03.120Z"
---@field vars table The vars; what a handler changes is kept until the call ends
---@field idempotency_key? string Of this run of a tool: the same when it is repeated
local call = {}

--- Says how the call went, for `parley calls`. The last one counts.
---@param name string Lower-case letters, digits and _
--- ```lua
--- call.set_outcome("appointment_booked")
--- ```
function call.set_outcome(name) end

--- Ends the call when what is being said has been heard; a caller who speaks again keeps it.
--- ```lua
--- call.hang_up()
--- ```
function call.hang_up() end

--- Tells the model a fact.
---@param text string
---@param options? table { respond = false } tells it without letting it answer
--- ```lua
--- call.inject("The caller has pressed 2.")
--- ```
function call.inject(text, options) end

--- Says exactly this with the agent's voice, and waits until the caller has heard it.
---@param text string
---@return boolean? done
---@return Problem? problem kind is `interrupted`, `hung_up` or `no_model`; `heard` is what was heard
--- ```lua
--- local done, problem = call:say("One moment, I am looking at the calendar.")
--- ```
function call.say(text) end

--- Puts the caller through to somebody else, when what is being said has been heard. The settings must allow the number (`calls.transfer_to`).
---@param to string A number such as +15550100100
---@param options? table { say = words for the caller first, briefing = words for whoever answers and then presses 1, ring_seconds = 20 }
---@return boolean? done It is under way; `on_returned` tells when nobody took the call
---@return Problem? problem kind is `bad_number` or `not_allowed`
--- ```lua
--- call:transfer("+15550100100", { say = "I am putting you through.", briefing = "A caller asks about a bill." })
--- ```
function call.transfer(to, options) end

--- Plays music to the caller, when what is being said has been heard. Whatever is said ends it, and `call.resume`.
--- ```lua
--- call:hold()
--- ```
function call.hold() end

--- Ends a hold; the model is told how long it took.
--- ```lua
--- call:resume()
--- ```
function call.resume() end

--- Presses keys for a machine on the line, when what is being said has been heard.
---@param digits string 0-9, *, #, A-D; w waits half a second
--- ```lua
--- call:send_digits("1w2#")
--- ```
function call.send_digits(digits) end

--- Says that the call is recorded, and records from when the caller has heard it.
---@param options? table { notice = "This call is recorded." }
---@return boolean? done
---@return Problem? problem As of `call.say`; nothing is recorded then
--- ```lua
--- local recorded, problem = call:start_recording { notice = "This call is recorded for training." }
--- ```
function call.start_recording(options) end

--- Records no longer.
--- ```lua
--- call:stop_recording()
--- ```
function call.stop_recording() end

--- Sends a text message (SMS), to the caller unless told otherwise; also in `on_end`. Five in a call at most.
---@param text string At most 1,600 characters
---@param options? table { to = a number that `outbound.allowed_prefixes` allows }
---@return string? id The carrier's
---@return Problem? problem kind is `no_number`, `bad_number`, `not_allowed`, `limit`, `busy`, `timeout` (it may have been sent) or `mistake`
--- ```lua
--- local id, problem = call:send_sms("Your appointment: Tuesday at nine.")
--- ```
function call.send_sms(text, options) end

--- Lets the model speak now, under these instructions.
---@param instructions string
--- ```lua
--- call.ask_model("Ask the caller whether they need anything else.")
--- ```
function call.ask_model(instructions) end

--- Writes a note into the call's journal.
---@param text string
---@param fields? table<string, any>
--- ```lua
--- call.note("wants a call back", { when = "tomorrow" })
--- ```
function call.note(text, fields) end

--- Keeps a value for this caller and this agent, for their next call.
---@param key string
---@param value any
---@return boolean? done
---@return Problem? problem
--- ```lua
--- call.remember("language", "de")
--- ```
function call.remember(key, value) end

--- What was remembered for this caller.
---@param key string
---@return any value
---@return Problem? problem
--- ```lua
--- local language = call.recall("language")
--- ```
function call.recall(key) end

return call
