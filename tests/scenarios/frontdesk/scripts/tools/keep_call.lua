return tool {
  api = 1,
  about = "Record the call, which the caller must know.",
  params = { keep = param.yes_no { "Begin, or end it", default = true } },
  run = function(args, call)
    if not args.keep then call:stop_recording() return { recording = false } end
    local done, problem = call:start_recording { notice = "From here on this call is recorded." }
    if not done then return { recording = false, why = problem.kind } end
    return { recording = true }
  end,
}
