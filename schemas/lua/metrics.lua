---@meta

--- Figures of your own, shown by `GET /metrics` under `parley_script_...`.
---
--- Names are of a-z, 0-9 and _. At most 5 labels, with few different values each: never a name or a phone number. What
--- goes beyond 500 different series of one name is added up in one. Limit: 200 uses in one run.
---@class metrics
metrics = {}

--- Counts something that happened.
---@param name string
---@param amount? number 1 unless given; not negative
---@param labels? table<string, any>
--- ```lua
--- metrics.count("bookings", 1, { clinic = call.vars.calendar }) -- parley_script_bookings_total
--- ```
function metrics.count(name, amount, labels) end

--- Notes a measured value, in a histogram.
---@param name string Ends in its unit
---@param value number
---@param labels? table<string, any>
--- ```lua
--- metrics.observe("calendar_seconds", 0.4)
--- ```
function metrics.observe(name, value, labels) end
