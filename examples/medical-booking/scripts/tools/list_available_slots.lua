local calendar = require "lib.calendar"
local progress = require "lib.progress"

return tool {
  api = 1,
  about = "List the free appointment times on one day. Always use this before offering a time, and offer only the times it returns.",

  params = {
    date = param.date { "The day the caller wants, as YYYY-MM-DD", required = true },
  },

  run = function(args, call)
    progress.reach(call, "checking_slots")
    local booked, problem = calendar.booked(args.date)
    if not booked then
      log.error("the calendar cannot be read", { what = problem.message })
      return { error = true, message = "I'm having trouble with our system right now. Let me try again." }
    end

    local free = pick(calendar.slots(args.date, call.vars), function(slot) return not booked[slot] end)
    progress.reach(call, #free > 0 and "confirming" or "collecting_date")
    return { available_slots = free }
  end,
}
