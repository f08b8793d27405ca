-- Knows itself what to do when nobody takes a call.
return agent {
  api = 1,
  name = "Night desk",
  greeting = "Smile Dental, good evening.",
  prompt = "You put callers through to the dentist on duty.",
  vars = { tries = 0 },
  tools = { "put_through" },

  on_returned = function(call, why)
    call.vars.tries = call.vars.tries + 1
    call:note("nobody took it", { why = why })
    if call.vars.tries == 1 then
      call:transfer("+15550100102", { say = "I try the other dentist." })
    else
      call:say("I am sorry, nobody can be reached.")
      call:ask_model("Offer to take a message for the dentist")
    end
  end,
}
