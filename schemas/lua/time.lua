---@meta

--- Dates and times. Dates are text such as `"2026-12-01"`, times of day `"14:30"`; both can be compared with `<`. Where a
--- time is expected, `"2:30 PM"` and minutes since midnight will do too. The zone is the var `time_zone`, else UTC.
---@class time
time = {}

--- Options of `time.parse`.
---@class time.ParseOptions
---@field today? string The date it is taken to be
---@field now? string The time it is taken to be
---@field zone? string Such as "Europe/Berlin"
---@field order? "dmy"|"mdy" Of 3/5: day first or month first

--- What `time.parse` made of a phrase.
---@class time.Parsed
---@field date? string
---@field weekday? string Of the date, such as "tuesday"
---@field time? string
---@field part? "morning"|"afternoon"|"evening"|"night" Where no hour was said
---@field text? string To be said to the caller: "Tuesday, December 1st at 2 PM"; of a plain time "14:30"
---@field year? integer Of a plain date only, as are month and day
---@field month? integer
---@field day? integer
---@field hour? integer Of a plain time only, as is minute
---@field minute? integer

--- Options of `time.spoken`.
---@class time.SpokenOptions
---@field style? "digits"|"words" "2:30 PM" or "half past two"
---@field today? string The date it is taken to be
---@field zone? string

--- The date.
---@param zone? string The call's unless given
---@return string date
--- ```lua
--- if args.date < time.today() then return fail("That day is over.") end
--- ```
function time.today(zone) end

--- The time of day.
---@param zone? string
---@return string time
--- ```lua
--- if time.now() > "17:00" then return fail("We are closed now.") end
--- ```
function time.now(zone) end

--- Whether a time zone of that name exists.
---@param name any
---@return boolean is_zone
--- ```lua
--- time.is_zone("Mars/Olympus") -- false
--- ```
function time.is_zone(name) end

--- Whether a text is a date of a day that exists.
---@param text any
---@return boolean is_date
--- ```lua
--- time.is_date("2026-02-30") -- false
--- ```
function time.is_date(text) end

--- A date so many days later, or earlier.
---@param date string
---@param days integer
---@return string date
--- ```lua
--- time.add_days("2026-11-30", 3) -- "2026-12-03"
--- ```
function time.add_days(date, days) end

--- Days from one date to another.
---@param from string
---@param to string
---@return integer days
--- ```lua
--- time.days_between("2026-12-01", "2026-12-24") -- 23
--- ```
function time.days_between(from, to) end

--- The day of the week, in lower case.
---@param date string
---@return string weekday
--- ```lua
--- time.weekday("2026-12-01") -- "tuesday"
--- ```
function time.weekday(date) end

--- A date as it is said, always with its weekday.
---@param date string
---@return string text
--- ```lua
--- time.spoken_date("2026-12-01") -- "Tuesday, December 1st"
--- ```
function time.spoken_date(date) end

--- A time of day as it is said.
---@param time string|integer
---@return string text
--- ```lua
--- time.spoken_time("14:30") -- "2:30 PM"
--- ```
function time.spoken_time(time) end

--- Minutes since midnight.
---@param time string|integer
---@return integer minutes
--- ```lua
--- time.minutes("2:30 PM") -- 870
--- ```
function time.minutes(time) end

--- A time of day from minutes since midnight.
---@param minutes integer
---@return string time
--- ```lua
--- time.from_minutes(870) -- "14:30"
--- ```
function time.from_minutes(minutes) end

--- Reads a date or a time: a plain one, or what somebody says.
---
--- An hour without am or pm is one of a working day: 7 to 11 in the morning, 12 to 6 in the afternoon. "Tuesday" is the
--- first after today, "next Tuesday" that of the next week, which begins on Monday. A day without a year is the next one.
--- What cannot be read for certain is refused: kind is `unclear`, `ambiguous` (then `readings` has both), `incomplete`
--- ("next week") or `impossible` (February 30th, Monday the 1st when it is a Tuesday).
---@param text string
---@param options? time.ParseOptions
---@return time.Parsed? parsed
---@return Problem? problem
--- ```lua
--- local when, problem = time.parse("next Tuesday 2 pm")
--- if not when then return fail("Which day do you mean?", problem) end
--- return { date = when.date, time = when.time, say = when.text }
--- ```
function time.parse(text, options) end

--- A date, a time or both as people say them: "tomorrow at 2 PM", "Tuesday, December 1st at half past two".
---@param date string|table? A date, or a table with date and time, such as `time.parse` returns
---@param time? string|table A time, or the options
---@param options? time.SpokenOptions
---@return string text
--- ```lua
--- time.spoken("2026-12-01", "14:30", { style = "words" }) -- "Tuesday, December 1st at half past two"
--- ```
function time.spoken(date, time, options) end

--- Plain text of a date or time given in parts.
---@param parts table year, month and day, or hour and minute
---@return string text
--- ```lua
--- time.format { hour = 14, minute = 5 } -- "14:05"
--- ```
function time.format(parts) end
