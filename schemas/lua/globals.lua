---@meta

--- What is there without a table in front of it. There are no global variables of your own: write `local`.
---
--- Of Lua itself there are the base functions, `string`, `table`, `math` and `bit` as listed; patterns and sorting are
--- limited in time. Functions given to `table.sort` and `string.gsub` may wait. There is no `io`, `debug`, `package`, `coroutine`, `load`, `dofile` or `ffi`.
-- standard: assert error getmetatable ipairs next pairs pcall rawequal rawget rawset select setmetatable tonumber tostring type unpack xpcall
-- standard string: byte char find format gmatch gsub len lower match rep reverse sub upper
-- standard table: concat insert remove sort
-- standard math: abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min modf pi pow rad random sin sinh sqrt tan tanh
-- standard bit: arshift band bnot bor bswap bxor lshift rol ror rshift tobit tohex

--- What can go wrong outside the script: the second result of functions that return nil first.
---@class Problem
---@field kind string A word to compare with, such as "timeout"
---@field message string For people
---@field retry boolean Whether trying again may help
---@field status? integer Of an `http` problem of the kind `status`, as are headers, body and json
---@field headers? table<string, string>
---@field body? string
---@field json? any
---@field readings? time.Parsed[] Of a `time.parse` problem of the kind `ambiguous`
---@field heard? string Of a `call.say` problem: what the caller heard

--- What `fail` returns: hand it on.
---@class Failure

--- Ends a tool politely: the model gets the sentence, the log gets the problem too.
---@param sentence string For the model
---@param problem? Problem|string
---@return Failure
--- ```lua
--- if not rows then return fail("I cannot look that up at the moment.", problem) end
--- ```
function fail(sentence, problem) end

--- Waits, by the call's clock. Limits: 60 seconds at a time, 50 waits in one run, and the deadline of the tool.
---@param seconds number
--- ```lua
--- sleep(0.5)
--- ```
function sleep(seconds) end

--- Runs functions at the same time: while one waits, another goes on. Waits for all of them.
---
--- The first result of each is under its name, the problem of one that returned `nil, problem` in the second table. An
--- error in one ends `parallel`, after all are over. Limits: 16 branches at a time; they share the run's other limits.
---@param branches table<any, fun():any, any>
---@return table results
---@return table<any, Problem> problems
--- ```lua
--- local results, problems = parallel {
---   slots = function() return http.get("https://calendar.example/slots") end,
---   patient = function() return db.query("SELECT name FROM patients WHERE phone = ?", call.from) end,
--- }
--- if not results.slots then return fail("The calendar did not answer.", problems.slots) end
--- ```
function parallel(branches) end

--- The items for which a function returns true.
---@generic T
---@param items T[]
---@param wanted fun(item: T): any
---@return T[] kept
--- ```lua
--- local free = pick(slots, function(slot) return slot.free end)
--- ```
function pick(items, wanted) end

--- What a function makes of each item.
---@generic T, U
---@param items T[]
---@param change fun(item: T): U
---@return U[] changed
--- ```lua
--- local times = map(slots, function(slot) return slot.time end)
--- ```
function map(items, change) end

--- The first item for which a function returns true.
---@generic T
---@param items T[]
---@param wanted fun(item: T): any
---@return T? item
--- ```lua
--- local first = find(slots, function(slot) return slot.free end)
--- ```
function find(items, wanted) end

--- What a file in `scripts/lib/` returns.
---@param name string Such as "lib.calendar"
---@return any module
--- ```lua
--- local calendar = require "lib.calendar"
--- ```
function require(name) end

--- A line in the log.
---@param ... any
--- ```lua
--- print("slots", #slots)
--- ```
function print(...) end
