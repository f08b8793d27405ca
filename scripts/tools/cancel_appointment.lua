local calendar = require "lib.calendar"

-- One error for a wrong number and a wrong person: it must not tell whose numbers exist.
local unknown = "There is no such appointment under that confirmation number and name. Please check both with the caller."

local function same_name(one, other)
  local function plain(name) return (text.trim(name):lower():gsub("%s+", " ")) end
  return plain(one) == plain(other)
end

return tool {
  api = 1,
  about = "Cancel an appointment by its confirmation number, after the caller has confirmed that they want to cancel it.",

  params = {
    confirmation_number = param.text { "The confirmation number, such as APT-12345", required = true, max = 40 },
    customer_name = param.text { "The full name the appointment was booked under, if the caller calls from another phone", max = 120 },
  },

  run = function(args, call)
    local number = calendar.confirmation_number(args.confirmation_number)
    if not number then return { success = false, error = "A confirmation number has five digits, such as APT-12345." } end

    local rows, problem = db.query([[
      SELECT customer_name, phone_number, appointment_date, appointment_time FROM appointments
      WHERE confirmation_number = ? AND calendar = ? AND status = 'confirmed']], number, call.vars.calendar)
    if not rows then return fail("I cannot reach our calendar at the moment.", problem) end
    local row = rows[1]
    if not row then return { success = false, error = unknown } end

    local digits = calendar.phone_digits(call.from)
    local is_same_phone = digits ~= nil and digits == calendar.phone_digits(row.phone_number)
    local is_same_name = args.customer_name ~= nil and same_name(args.customer_name, row.customer_name)
    if not is_same_phone and not is_same_name then return { success = false, error = unknown } end

    local done, trouble = db.exec(
      "UPDATE appointments SET status = 'cancelled' WHERE confirmation_number = ? AND status = 'confirmed'", number)
    if not done then return fail("I could not cancel the appointment. Please try once more.", trouble) end

    call.set_outcome("appointment_cancelled")
    return {
      success = true,
      confirmation_number = number,
      spoken_date = time.spoken_date(row.appointment_date),
      time = row.appointment_time,
    }
  end,
}
