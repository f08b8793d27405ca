return tool {
  api = 1,
  about = "Save a letter to the caller. It takes long.",
  timeout = 20,
  runs_after_hangup = true,
  run = function(_, call)
    local done, problem = db.exec("INSERT INTO letters (phone) VALUES (?)", call.from)
    if not done then return fail("I could not save it.", problem) end
    sleep(8)
    call.set_outcome("letter_saved")
    return { saved = true }
  end,
}
