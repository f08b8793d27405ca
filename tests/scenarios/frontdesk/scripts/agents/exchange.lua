-- Does what can be done with a line, for the scenarios beside it.
return agent {
  api = 1,
  name = "Exchange",
  greeting = "Smile Dental, how can I help?",
  prompt = "You put callers through, and look things up for them.",
  vars = { account = "", text_after = "" },
  tools = { "put_through", "ask_the_desk", "look_with_music", "press_keys", "keep_call", "text_me" },

  on_dtmf = function(call, digit)
    if digit ~= "#" then
      call.vars.account = call.vars.account .. digit
    else
      call:inject("The caller has typed the account " .. call.vars.account .. ".")
    end
    return true
  end,

  on_end = function(call)
    if call.vars.text_after == "" then return end
    local id, problem = call:send_sms(call.vars.text_after)
    return { sms = id ~= nil, why = problem and problem.kind }
  end,
}
