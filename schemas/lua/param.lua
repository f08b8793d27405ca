---@meta

--- Parameters of a tool. The first text of each is what the model reads; the declaration becomes a strict JSON Schema, and
--- wrong arguments never reach `run`.
---@class param
param = {}

---@class Param

--- What every parameter takes: first the description, then these.
---@class param.Spec
---@field [1]? string What it means, for the model
---@field required? boolean
---@field default? any

--- Of text, numbers and lists: also bounds.
---@class param.BoundedSpec : param.Spec
---@field min? number
---@field max? number

---@class param.ListSpec : param.BoundedSpec
---@field of Param What the items are

---@class param.ObjectSpec : param.Spec
---@field fields table<string, Param>

--- Text, at most `max` characters (2000 bytes unless given).
---@param spec param.BoundedSpec
---@return Param
--- ```lua
--- name = param.text { "The caller's full name", required = true, max = 120 }
--- ```
function param.text(spec) end

--- A whole number.
---@param spec param.BoundedSpec
---@return Param
--- ```lua
--- guests = param.integer { "How many people come", min = 1, max = 12 }
--- ```
function param.integer(spec) end

--- A number.
---@param spec param.BoundedSpec
---@return Param
--- ```lua
--- height = param.number { "Height in metres" }
--- ```
function param.number(spec) end

--- true or false.
---@param spec param.Spec
---@return Param
--- ```lua
--- is_new = param.yes_no { "Whether the caller has never been here", default = false }
--- ```
function param.yes_no(spec) end

--- A date such as "2026-12-01", of a day that exists.
---@param spec param.Spec
---@return Param
--- ```lua
--- date = param.date { "The day the caller wants", required = true }
--- ```
function param.date(spec) end

--- A time of day; `run` gets "14:30", also when the model said "2:30 PM".
---@param spec param.Spec
---@return Param
--- ```lua
--- after = param.time { "Earliest time the caller can come" }
--- ```
function param.time(spec) end

--- A phone number: text with 3 to 15 digits.
---@param spec param.Spec
---@return Param
--- ```lua
--- phone = param.phone { "Where to call back" }
--- ```
function param.phone(spec) end

--- One of several texts, which follow the description.
---@param spec param.Spec
---@return Param
--- ```lua
--- service = param.choice { "What the visit is for", "checkup", "cleaning", default = "checkup" }
--- ```
function param.choice(spec) end

--- A list.
---@param spec param.ListSpec
---@return Param
--- ```lua
--- names = param.list { "Who comes", of = param.text {}, max = 5 }
--- ```
function param.list(spec) end

--- A table with fields.
---@param spec param.ObjectSpec
---@return Param
--- ```lua
--- address = param.object { "Where to go", fields = { street = param.text { "Street and number" } } }
--- ```
function param.object(spec) end
