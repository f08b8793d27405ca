-- When the practice can be visited, from the agent's vars, and what is booked already.
local calendar = {}

-- Minutes since midnight of a time of day such as "09:00"; nil when it is none.
local function minutes_of(said)
  local read = type(said) == "string" and time.parse(said)
  return read and read.hour and time.minutes(read.text) or nil
end

-- "12:00-13:00" -> 720, 780; nil when it cannot be read.
local function span(hours)
  local ends = type(hours) == "string" and text.split(hours, "-") or {}
  local from, to = minutes_of(ends[1]), minutes_of(ends[2])
  if #ends ~= 2 or not from or not to or from >= to then return nil end
  return from, to
end

local function is_whole(number, least, most)
  return type(number) == "number" and number % 1 == 0 and number >= least and number <= most
end

-- What is wrong with the vars, as a list of sentences; an empty list when all is well.
function calendar.check(vars)
  local problems = {}
  local function expect(is_right, name, what)
    if not is_right then problems[#problems + 1] = name .. ": expected " .. what end
  end
  local opens, closes = minutes_of(vars.opens), minutes_of(vars.closes)
  expect(time.is_zone(vars.time_zone), "time_zone", 'a zone like "America/New_York"')
  expect(opens, "opens", 'a time like "09:00"')
  expect(closes and (not opens or closes > opens), "closes", 'a time after opens, like "17:00"')
  expect(vars.lunch == "" or span(vars.lunch), "lunch", 'hours like "12:00-13:00", or ""')
  expect(is_whole(vars.slot_minutes, 5, 480), "slot_minutes", "a whole number of minutes from 5 to 480")
  expect(is_whole(vars.booking_horizon_days, 0, 730), "booking_horizon_days", "a whole number of days from 0 to 730")
  return problems
end

-- All times of a day as they are said, "9:00 AM" and so on, booked or not. None on weekends, in the past and beyond the horizon.
function calendar.slots(date, vars)
  local slots = json.list {}
  local today, weekday = time.today(vars.time_zone), time.weekday(date)
  if date < today or time.days_between(today, date) > vars.booking_horizon_days then return slots end
  if weekday == "saturday" or weekday == "sunday" then return slots end

  local length = vars.slot_minutes
  local lunch_from, lunch_to = span(vars.lunch)
  local now = date == today and time.minutes(time.now(vars.time_zone)) or -1
  for start = minutes_of(vars.opens), minutes_of(vars.closes) - length, length do
    local is_lunch = lunch_from and start < lunch_to and start + length > lunch_from
    if start > now and not is_lunch then slots[#slots + 1] = time.spoken_time(start) end
  end
  return slots
end

-- Which times of a day are booked: { ["2:00 PM"] = true }; nil and a problem when the database does not answer.
-- What other programs have written may be spelt in another way, such as "14:00".
function calendar.booked(date)
  local rows, problem = db.query(
    "SELECT appointment_time FROM appointments WHERE appointment_date = ? AND status IN ('confirmed', 'double_booked')", date)
  if not rows then return nil, problem end
  local booked = {}
  for _, row in ipairs(rows) do
    local minutes = minutes_of(row.appointment_time)
    booked[minutes and time.spoken_time(minutes) or row.appointment_time] = true
  end
  return booked
end

return calendar
