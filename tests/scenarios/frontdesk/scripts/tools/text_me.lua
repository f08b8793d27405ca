return tool {
  api = 1,
  about = "Send the caller, or somebody else, a text message.",
  params = {
    text = param.text { "What it says", required = true },
    to = param.text { "Another number than the caller's" },
    later = param.yes_no { "When the call is over", default = false },
  },
  run = function(args, call)
    if args.later then
      call.vars.text_after = args.text
      return { later = true }
    end
    local id, problem = call:send_sms(args.text, args.to and { to = args.to })
    if not id then return { sent = false, why = problem.kind } end
    return { sent = true }
  end,
}
