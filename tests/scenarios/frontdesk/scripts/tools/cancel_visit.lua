return tool {
  api = 1,
  about = "Cancel the caller's visit on one day.",
  confirm = "Shall I cancel your visit on {day}?",
  when = function(call) return call.vars.verified end,
  params = { day = param.date { "The day of the visit", required = true } },
  run = function(args, call)
    local done, problem = db.exec("UPDATE visits SET status = 'cancelled' WHERE phone = ? AND day = ?", call.from, args.day)
    if not done then return fail("I cannot reach our calendar.", problem) end
    call.set_outcome("visit_cancelled")
    return { cancelled = done.changes > 0 }
  end,
}
