return tool {
  api = 1,
  about = "Hang up. Use it only after you have said goodbye and the caller needs nothing more.",

  run = function(_, call)
    call.hang_up()
    return { success = true }
  end,
}
