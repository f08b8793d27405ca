local calendar = require "lib.calendar"

local taken = "That time slot was just booked by someone else. Please choose another time."
local attempts_max = 5 -- a confirmation number that is in use already is drawn again

return tool {
  api = 1,
  about = "Book an appointment. Use it only after the caller has confirmed the date and the time and has given their full name.",

  params = {
    customer_name = param.text { "The caller's full name, exactly as they gave it", required = true, max = 120 },
    date = param.date { "The day of the appointment, as YYYY-MM-DD", required = true },
    time = param.time { "The time of the appointment, exactly as check_slots returned it, such as 2:00 PM", required = true },
    phone = param.phone { "The caller's phone number, only if they want another one than the one they call from" },
  },

  run = function(args, call)
    call.note("books an appointment", { step = "booking" })
    local vars = call.vars
    local at = time.spoken_time(args.time)
    local phone = args.phone or call.from

    local reason = calendar.reason_against(args.date, vars)
    if reason then return { success = false, error = reason } end
    local minutes = time.minutes(args.time)
    if not find(calendar.slots(args.date, vars), function(slot) return slot == minutes end) then
      return { success = false, error = at .. " is not a time we offer on that day. Please check the free times again." }
    end

    local function booked(confirmation_number)
      call.set_outcome("appointment_booked")
      return {
        success = true,
        confirmation_number = confirmation_number,
        date = args.date,
        spoken_date = time.spoken_date(args.date),
        time = at,
      }
    end

    for _ = 1, attempts_max do
      local number = "APT-" .. math.random(10000, 99999)
      local done, problem = db.exec([[
        INSERT INTO appointments (customer_name, phone_number, appointment_date, appointment_time,
                                  confirmation_number, call_sid, status, calendar)
        VALUES (?, ?, ?, ?, ?, ?, 'confirmed', ?)]],
        args.customer_name, phone, args.date, at, number, call.sid, vars.calendar)
      if done then return booked(number) end
      if problem.kind ~= "constraint" then
        return fail("I could not save the appointment. Please try once more.", problem)
      end
      if not problem.message:find("confirmation_number", 1, true) then
        -- The slot is taken. By this very call, when the tool was called twice: then it is no news, but the
        -- name may have been corrected.
        local rows, trouble = db.query([[
          SELECT confirmation_number FROM appointments
          WHERE calendar = ? AND appointment_date = ? AND appointment_time = ? AND status = 'confirmed' AND call_sid = ?]],
          vars.calendar, args.date, at, call.sid)
        if not rows then return fail("I could not save the appointment. Please try once more.", trouble) end
        if not rows[1] then return { success = false, error = taken } end
        local updated, trouble_again = db.exec(
          "UPDATE appointments SET customer_name = ?, phone_number = ? WHERE confirmation_number = ?",
          args.customer_name, phone, rows[1].confirmation_number)
        if not updated then return fail("I could not save the appointment. Please try once more.", trouble_again) end
        return booked(rows[1].confirmation_number)
      end
    end
    return fail("I could not save the appointment. Please try once more.", "no free confirmation number found")
  end,
}
