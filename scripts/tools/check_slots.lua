local calendar = require "lib.calendar"

return tool {
  api = 1,
  about = "Find the free appointment times on one day. Always use this before offering a time, and offer only the times it returns.",

  params = {
    date = param.date { "The day the caller wants, as YYYY-MM-DD", required = true },
  },

  run = function(args, call)
    call.note("looks for free times", { step = "checking_slots" }) -- how far the call is, for the dashboard
    local vars = call.vars
    local answer = {
      date = args.date,
      spoken_date = time.spoken_date(args.date),
      available_slots = json.list {},
      reason = calendar.reason_against(args.date, vars),
    }
    if answer.reason then return answer end

    local rows, problem = db.query(
      "SELECT appointment_time FROM appointments WHERE calendar = ? AND appointment_date = ? AND status = 'confirmed'",
      vars.calendar, args.date)
    if not rows then return fail("I cannot reach our calendar at the moment.", problem) end
    local is_booked = {}
    for _, row in ipairs(rows) do is_booked[row.appointment_time] = true end

    local times = map(calendar.slots(args.date, vars), time.spoken_time)
    answer.available_slots = pick(times, function(at) return not is_booked[at] end)
    if #answer.available_slots == 0 then
      answer.reason = #times == 0 and "There are no more appointments today." or "That day is fully booked."
    end
    return answer
  end,
}
