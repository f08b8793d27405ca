return tool {
  api = 1,
  about = "Press keys for the machine on the line.",
  params = { keys = param.text { "The keys; w waits half a second", required = true } },
  run = function(args, call)
    call:send_digits(args.keys)
    return { pressed = true }
  end,
}
