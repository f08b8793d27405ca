return tool {
  api = 1,
  about = "Check the caller's name against our list.",
  params = { name = param.text { "The caller's full name", required = true } },
  run = function(args, call)
    local rows, problem = db.query("SELECT name FROM patients WHERE phone = ?", call.from)
    if not rows then return fail("I cannot look that up.", problem) end
    call.vars.verified = rows[1] ~= nil and rows[1].name == args.name
    return { verified = call.vars.verified }
  end,
}
