-- Reads something that must be heard to its end.
return agent {
  api = 1,
  name = "Reader",
  greeting = "These are the terms. You can cancel up to one day before your visit, and you pay nothing for that.",
  prompt = "You read the terms to the caller.",
  turn_taking = { interruptions = false, silence_before_prompt_ms = 20000 },
}
