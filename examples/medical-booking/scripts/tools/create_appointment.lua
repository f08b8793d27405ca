local calendar = require "lib.calendar"
local progress = require "lib.progress"

local taken = "That time slot was just booked by someone else. Please choose another time."
local not_offered = "We do not offer that time. Please check the available times and choose one of them."
local not_saved = "Database error — please try again."
local attempts_max = 5 -- a confirmation number that is in use already is drawn again

-- What this very call has booked for that time, when the tool was called twice: its number, or "" when it has nothing there.
local function own_number(call, date, at)
  local rows, problem = db.query([[
    SELECT confirmation_number FROM appointments
    WHERE appointment_date = ? AND appointment_time = ? AND call_sid = ? AND status = 'confirmed']], date, at, call.sid)
  if not rows then return nil, problem end
  return rows[1] and rows[1].confirmation_number or ""
end

return tool {
  api = 1,
  about = "Book an appointment. Use it only after the caller has confirmed the date and the time and has given their full name.",

  params = {
    customer_name = param.text { "The caller's full name, exactly as they gave it", required = true, max = 120 },
    date = param.date { "The day of the appointment, as YYYY-MM-DD", required = true },
    time = param.time { "The time, exactly as list_available_slots returned it, such as 2:00 PM", required = true },
  },

  run = function(args, call)
    local name, date, at = args.customer_name, args.date, time.spoken_time(args.time)
    progress.reach(call, "booking", { customer_name = name })

    local function refused(why)
      progress.reach(call, "confirming")
      return { success = false, error = why }
    end
    local function failed(problem)
      log.error("the appointment cannot be saved", { what = problem.message })
      return refused(not_saved)
    end
    local function booked(number)
      call.set_outcome("appointment_booked")
      progress.reach(call, "farewell", { customer_name = name, confirmation_number = number, date = date, time = at }, "booked")
      return { success = true, confirmation_number = number }
    end
    -- No news, but the name may have been corrected.
    local function booked_before(number)
      local done, problem = db.exec("UPDATE appointments SET customer_name = ? WHERE confirmation_number = ?", name, number)
      if not done then return failed(problem) end
      return booked(number)
    end

    if not find(calendar.slots(date, call.vars), function(slot) return slot == at end) then return refused(not_offered) end
    local own, trouble = own_number(call, date, at)
    if not own then return failed(trouble) end
    if own ~= "" then return booked_before(own) end
    local others, unread = calendar.booked(date)
    if not others then return failed(unread) end
    if others[at] then return refused(taken) end

    local problem
    for _ = 1, attempts_max do
      local number = "APT-" .. math.random(10000, 99999)
      local done
      done, problem = db.exec([[
        INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time, confirmation_number, call_sid)
        VALUES (?, ?, ?, ?, ?, ?)]], name, call.from, date, at, number, call.sid)
      if done then return booked(number) end
      if problem.kind ~= "constraint" then return failed(problem) end
      if not problem.message:find("confirmation_number", 1, true) then
        -- Somebody was faster: another call, or this one with the same tool in the same answer.
        own, trouble = own_number(call, date, at)
        if not own then return failed(trouble) end
        return own ~= "" and booked_before(own) or refused(taken)
      end
    end
    return failed(problem)
  end,
}
