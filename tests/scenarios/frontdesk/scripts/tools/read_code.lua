return tool {
  api = 1,
  about = "Read the caller a code.",
  run = function(_, call)
    local heard, problem = call:say("Your code is four, seven, one, nine, three, and it holds for one hour from now on.")
    if not heard then return { read = false, why = problem.kind } end
    call:remember("code_read", true)
    return { read = true, remembered = call:recall("code_read") }
  end,
}
