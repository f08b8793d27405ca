-- The clinic's calendar: opening hours, breaks, closed days and slots, from the agent's vars.
-- Used by the booking tools. Times are minutes since midnight inside, "2:30 PM" outside.
local calendar = {}

local weekdays = { "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday" }

-- "09:00-12:00, 13:00-17:00" -> {{540, 720}, {780, 1020}}; nil and a sentence when it cannot be read.
local function spans(hours)
  local found = {}
  for _, part in ipairs(text.split(hours, ",")) do
    local ends = text.split(part, "-")
    local from, to = ends[1] and time.parse(ends[1]), ends[2] and time.parse(ends[2])
    if #ends ~= 2 or not from or not from.hour or not to or not to.hour then
      return nil, 'expected hours like "09:00-17:00", found "' .. hours .. '"'
    end
    local first, last = time.minutes(from.text), time.minutes(to.text)
    if first >= last then
      return nil, '"' .. hours .. '" ends before it begins'
    end
    found[#found + 1] = { first, last }
  end
  return found
end

-- What is wrong with the vars, as a list of sentences; an empty list when all is well.
function calendar.check(vars)
  local problems = {}
  local function problem(name, what) problems[#problems + 1] = name .. ": " .. what end

  if type(vars.calendar) ~= "string" or vars.calendar == "" then problem("calendar", "expected a name") end
  if not time.is_zone(vars.time_zone) then problem("time_zone", 'expected a zone like "America/New_York"') end
  local slot = vars.slot_minutes
  if type(slot) ~= "number" or slot < 5 or slot > 480 or slot % 1 ~= 0 then
    problem("slot_minutes", "expected a whole number of minutes from 5 to 480, found " .. tostring(slot))
  end
  local horizon = vars.booking_horizon_days
  if type(horizon) ~= "number" or horizon < 0 or horizon > 730 or horizon % 1 ~= 0 then
    problem("booking_horizon_days", "expected a whole number of days from 0 to 730, found " .. tostring(horizon))
  end

  if type(vars.hours) ~= "table" then
    problem("hours", 'expected days with hours, such as monday: "09:00-17:00"')
  else
    for day, hours in pairs(vars.hours) do
      if not find(weekdays, function(name) return name == day end) then
        problem("hours", '"' .. tostring(day) .. '" is not a day; expected monday, tuesday, ...')
      elseif hours ~= false and hours ~= "" and hours ~= "closed" then
        local ok, what = nil, "expected hours, found a " .. type(hours)
        if type(hours) == "string" then ok, what = spans(hours) end
        if not ok then problem("hours." .. day, what) end
      end
    end
  end

  if type(vars.breaks) ~= "table" then
    problem("breaks", 'expected a list such as ["12:00-13:00"]')
  else
    for _, span in pairs(vars.breaks) do
      local ok, what = nil, "expected hours, found a " .. type(span)
      if type(span) == "string" then ok, what = spans(span) end
      if not ok then problem("breaks", what) end
    end
  end

  if type(vars.closed_days) ~= "table" then
    problem("closed_days", 'expected a list such as ["2026-12-25"]')
  else
    for _, day in pairs(vars.closed_days) do
      if not time.is_date(day) then
        problem("closed_days", "expected dates like 2026-12-25, found " .. tostring(day))
      end
    end
  end
  return problems
end

-- Why no visit can be on that date, or nil when one can: in the past, too far ahead, closed.
function calendar.reason_against(date, vars)
  local today = time.today(vars.time_zone)
  if date < today then return "That date is in the past. Today is " .. time.spoken_date(today) .. "." end
  if time.days_between(today, date) > vars.booking_horizon_days then
    return "Appointments can be booked at most " .. vars.booking_horizon_days .. " days ahead."
  end
  for _, day in pairs(vars.closed_days) do
    if day == date then return "We are closed on " .. time.spoken_date(date) .. "." end
  end
  local weekday = time.weekday(date)
  local hours = vars.hours[weekday]
  if not hours or hours == "" or hours == "closed" then
    return "We are closed on " .. weekday:sub(1, 1):upper() .. weekday:sub(2) .. "s."
  end
  return nil
end

-- All slots of a date as minutes since midnight, booked or not, without those that have passed.
function calendar.slots(date, vars)
  local slots = {}
  if calendar.reason_against(date, vars) then return slots end
  local length = vars.slot_minutes

  local breaks = {}
  for _, hours in pairs(vars.breaks) do
    for _, span in ipairs((spans(hours))) do breaks[#breaks + 1] = span end
  end
  local function is_in_break(start)
    return find(breaks, function(span) return start < span[2] and start + length > span[1] end) ~= nil
  end

  local earliest = -1
  if date == time.today(vars.time_zone) then earliest = time.minutes(time.now(vars.time_zone)) end
  for _, span in ipairs((spans(vars.hours[time.weekday(date)]))) do
    for start = span[1], span[2] - length, length do
      if start > earliest and not is_in_break(start) then slots[#slots + 1] = start end
    end
  end
  return slots
end

-- "APT-12345" from whatever way a caller says it: "apt 12345", "12345"; nil when there are no five digits.
function calendar.confirmation_number(said)
  local digits = said:gsub("%D", "")
  if #digits ~= 5 then return nil end
  return "APT-" .. digits
end

-- The digits of a phone number, for comparing; nil for callers who withhold theirs.
function calendar.phone_digits(number)
  local digits = number:gsub("%D", "")
  if #digits < 5 then return nil end
  return digits
end

return calendar
