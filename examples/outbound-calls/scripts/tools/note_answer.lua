return tool {
  api = 1,
  about = "Write down what the other side has decided. Use it once, when you know.",

  params = {
    answer = param.choice { "What was decided", "confirmed", "declined", "later", "do_not_call", required = true },
    remark = param.text { "In their own words, if there is more to say", max = 500 },
  },

  run = function(args, call)
    call.set_outcome(args.answer)
    call.note("answer", { answer = args.answer, remark = args.remark, number = call.direction == "outbound" and call.to or call.from })
    return { success = true }
  end,
}
