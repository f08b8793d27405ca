return tool {
  api = 1,
  about = "Count this call once.",
  idempotent = true,
  run = function(_, call)
    db.exec("INSERT INTO attempts (run_key) VALUES (?)", call.idempotency_key)
    local rows = db.query("SELECT run_key FROM attempts")
    if #rows == 1 then
      local heap = {} -- the first attempt breaks the memory limit
      while true do heap[#heap + 1] = ("x"):rep(1000000) .. #heap end
    end
    return { attempts = #rows, same_key = rows[1].run_key == rows[2].run_key }
  end,
}
