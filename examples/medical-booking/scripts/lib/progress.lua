-- How far the booking has come: what the dashboard and Redis show as `currentStep`.
local progress = {}

-- greeting, collecting_name, collecting_date, checking_slots, confirming, booking or farewell. `fields` are noted with it, under
-- `words` if there are any.
function progress.reach(call, step, fields, words)
  if call.vars.step == step and not fields then return end
  call.vars.step = step
  fields = fields or {}
  fields.step = step
  call.note(words or (step:gsub("_", " ")), fields)
end

return progress
