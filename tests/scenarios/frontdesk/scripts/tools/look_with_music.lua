return tool {
  api = 1,
  about = "Look something up that takes long.",
  timeout = 60,
  run = function(_, call)
    call:hold()
    sleep(25)
    call:resume()
    return { found = "two letters" }
  end,
}
