return tool {
  api = 1,
  about = "Send a note to the practice's own system.",
  params = { note = param.text { "What to tell", required = true } },
  run = function(args, call)
    local reply, problem = http.post("https://crm.example/notes", {
      json = { note = args.note, phone = call.from },
      headers = { Authorization = "Bearer " .. secrets.get("crm_token") },
    })
    if not reply then return fail("I could not send it.", problem) end
    return { sent = true }
  end,
}
