local calendar = require "lib.calendar"

return tool {
  api = 1,
  about = "Find the caller's coming appointments: by their confirmation number if they know it, otherwise by the number they call from.",

  params = {
    confirmation_number = param.text { "The confirmation number, such as APT-12345, if the caller knows it", max = 40 },
  },

  run = function(args, call)
    local vars = call.vars
    local condition, key
    if args.confirmation_number then
      condition, key = "confirmation_number = ?", calendar.confirmation_number(args.confirmation_number)
      if not key then return { found = false, error = "A confirmation number has five digits, such as APT-12345." } end
    else
      condition, key = "phone_number = ?", call.from
      if not calendar.phone_digits(call.from) then
        return { found = false, error = "The caller's number is withheld. Ask for the confirmation number." }
      end
    end

    local rows, problem = db.query(
      "SELECT appointment_date, appointment_time, confirmation_number FROM appointments WHERE " .. condition ..
      " AND calendar = ? AND status = 'confirmed' AND appointment_date >= ? ORDER BY appointment_date, id LIMIT 10",
      key, vars.calendar, time.today(vars.time_zone))
    if not rows then return fail("I cannot reach our calendar at the moment.", problem) end

    return {
      found = #rows > 0,
      appointments = map(rows, function(row)
        return {
          confirmation_number = row.confirmation_number,
          date = row.appointment_date,
          spoken_date = time.spoken_date(row.appointment_date),
          time = row.appointment_time,
        }
      end),
    }
  end,
}
