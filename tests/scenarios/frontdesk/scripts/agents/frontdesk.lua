-- An agent with every hook, for the scenarios beside it.
return agent {
  api = 1,
  name = "Front desk",
  about = "Answers patients of a dental practice",
  greeting = "Smile Dental, good morning.",
  prompt = function(call)
    if call.vars.patient == "" then return "You are the front desk. You do not know the caller." end
    return "You are the front desk. The caller is " .. call.vars.patient .. "."
  end,
  vars = { patient = "", verified = false, silences = 0, time_zone = "Europe/Berlin" },
  tools = { "verify", "find_visit", "cancel_visit", "count_call", "save_letter", "read_code", "broken", "weather", "send_note" },
  hand_offs = { "reader" },

  on_start = function(call)
    local rows = db.query("SELECT name FROM patients WHERE phone = ?", call.from)
    if rows and rows[1] then call.vars.patient = rows[1].name end
  end,

  on_caller_said = function(call, said) call:note("caller said", { words = said }) end,
  on_agent_said = function(call, heard, unheard) call:note("agent said", { heard = heard, unheard = unheard }) end,
  on_interrupted = function(call, heard, unheard) call:note("cut off", { heard = heard, unheard = unheard }) end,

  on_dtmf = function(call, digit)
    if digit ~= "0" then return false end
    call:ask_model("Offer to take a message for a person")
    return true
  end,

  on_silence = function(call, seconds)
    call.vars.silences = call.vars.silences + 1
    if call.vars.silences == 1 and seconds >= 10 then call:say("Take your time.") else call:say("Hello? Can you hear me?") end
  end,

  on_tool_error = function(call, tool, problem)
    call:note("tool failed", { tool = tool, kind = problem.kind, why = problem.message })
    call:say("I am sorry, our computer is slow today.")
  end,

  on_end = function(call, outcome, summary)
    db.exec("INSERT INTO calls_seen (phone, outcome) VALUES (?, ?)", call.from, outcome)
    return { patient = call.vars.patient, turns = summary.turns, tools = summary.tool_calls }
  end,
}
