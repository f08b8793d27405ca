return tool {
  api = 1,
  about = "Fails.",
  run = function()
    local rows
    return { name = rows.name }
  end,
}
