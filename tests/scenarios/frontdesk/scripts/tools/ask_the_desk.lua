return tool {
  api = 1,
  about = "Put the caller through to the desk, if they have time.",
  params = { about = param.text { "What the caller wants", required = true } },
  run = function(args, call)
    call:transfer("+15550100101", { briefing = "A caller wants " .. args.about .. ".", ring_seconds = 30 })
    return { on_the_way = true }
  end,
}
