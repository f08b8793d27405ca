return tool {
  api = 1,
  about = "Find the caller's next visit.",
  say_if_slow = { "One moment, I am looking.", after_ms = 1000 },
  timeout = 6,
  run = function(_, call)
    local rows, problem = db.query("SELECT day FROM visits WHERE phone = ? AND status = 'planned' ORDER BY day", call.from)
    if not rows then return fail("I cannot reach our calendar.", problem) end
    return { day = rows[1] and rows[1].day }
  end,
}
