// The `call` of the scripts: a part of the prelude, compiled with it. Uses its locals `host` and
// `raise`.
#include "vm.hpp"

namespace parley::script {

const std::string_view prelude_call = R"lua(
-- ---- the call ----------------------------------------------------------------------------------
-- call.hang_up() and call:hang_up() both work.
local vars = host.vars
local call
local function without_self(f)
  return function(first, ...)
    if first == call then return f(...) end
    return f(first, ...)
  end
end
local fields = {
  from = host.from, to = host.to, sid = host.call_sid, vars = vars,
  agent = host.agent, direction = host.direction, started_at = host.started_at,
  set_outcome = without_self(host.set_outcome),
  hang_up = without_self(host.hang_up),
  inject = without_self(host.inject),
  ask_model = without_self(host.ask_model),
  note = without_self(host.note),
  say = without_self(function(text)
    host.say(text)
    return host.take_said()
  end),
  transfer = without_self(host.transfer),
  hold = without_self(host.hold),
  resume = without_self(host.resume),
  send_digits = without_self(host.send_digits),
  start_recording = without_self(function(options)
    local notice = host.notice(options)
    host.say(notice)
    local heard, problem = host.take_said()
    if not heard then return nil, problem end
    host.start_recording(notice)
    return true
  end),
  stop_recording = without_self(host.stop_recording),
  send_sms = without_self(function(text, options)
    local _, problem = host.send_sms(text, options)
    if problem then return nil, problem end
    return host.take_answer()
  end),
  remember = without_self(function(key, value)
    host.remember(key, value)
    return host.take_answer()
  end),
  recall = without_self(function(key)
    host.recall(key)
    return host.take_answer()
  end),
}
call = setmetatable({}, {
  __index = function(_, name)
    local value = fields[name]
    if value == nil and name == "idempotency_key" then value = host.idempotency_key() end
    if value == nil then host.unknown_field(name, fields) end
    return value
  end,
  __newindex = function(_, name)
    raise("call." .. tostring(name) .. " cannot be set; facts of your own go into call.vars")
  end,
  __metatable = false,
})

)lua";

}  // namespace parley::script
