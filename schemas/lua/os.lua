---@meta

--- What is left of Lua's `os`, by the call's clock and zone.
---@class os
os = {}

--- Seconds of computing that this handler has used.
---@return number seconds
--- ```lua
--- local before = os.clock()
--- ```
function os.clock() end

--- A time as text, with the conversions of strftime, or as a table for `"*t"`. A leading `!` means UTC.
---@param format? string "%c" unless given
---@param moment? number Seconds since 1970; now unless given
---@return string|table date
--- ```lua
--- os.date("%Y-%m-%d")
--- ```
function os.date(format, moment) end

--- Seconds since 1970, now or of a date in parts.
---@param parts? table year, month, day, and hour (12 unless given), min, sec
---@return number moment
--- ```lua
--- os.time { year = 2026, month = 12, day = 1, hour = 9 }
--- ```
function os.time(parts) end
