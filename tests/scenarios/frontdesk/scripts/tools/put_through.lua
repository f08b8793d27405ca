return tool {
  api = 1,
  about = "Put the caller through to a person.",
  params = { number = param.text { "The number of the desk", required = true } },
  run = function(args, call)
    local done, problem = call:transfer(args.number, { say = "One moment, I am putting you through." })
    if not done then return fail("I cannot put you through to that number.", problem) end
    return { on_the_way = true }
  end,
}
