// The part of the scripts' world that is written in Lua, so that it can be paused like a script. It
// runs once in each new VM, with the host functions as its argument, and returns the entries the
// runtime starts.
#include "vm.hpp"

namespace parley::script {
namespace {

constexpr std::string_view before_modules = R"lua(
local host = ...
local type, pairs, ipairs, setmetatable, select, unpack = type, pairs, ipairs, setmetatable, select, unpack
local raw_pcall, raw_error, tostring = pcall, error, tostring
local raise, check_kill, list, table_sort = host.raise, host.check_kill, json.list, table.sort

-- A broken limit goes through every pcall.
local function after(ok, ...)
  if not ok then check_kill() end
  return ok, ...
end
function pcall(f, ...) return after(raw_pcall(f, ...)) end

-- The handler runs when the stack is unwound: inside LuaJIT's own xpcall it would run with the limits off.
local function handled(handler, ok, ...)
  if ok then return true, ... end
  check_kill()
  return false, select(2, pcall(handler, (...)))
end
function xpcall(f, handler, ...) return handled(handler, raw_pcall(f, ...)) end

-- ---- declarations ------------------------------------------------------------------------------
local declared = { __metatable = false }
local function declaration(kind)
  return function(spec)
    if type(spec) ~= "table" then raise(kind .. ": expected " .. kind .. " { ... }") end
    return setmetatable({ kind = kind, spec = spec, line = host.current_line() }, declared)
  end
end
agent = declaration("agent")
tool = declaration("tool")
param = {}
for _, kind in ipairs { "text", "integer", "number", "yes_no", "date", "time", "phone", "choice", "list", "object" } do
  param[kind] = declaration("param." .. kind)
end

-- ---- files -------------------------------------------------------------------------------------
local opened = {}
local function closing(path, ok, value)
  host.close_file()
  if not ok then raw_error(value, 0) end
  if value == nil then raw_error(path .. ": the file returns nothing; end it with: return ...", 0) end
  opened[path] = value
  return value
end
local function open(path)
  local value = opened[path]
  if value == nil then value = closing(path, after(raw_pcall(host.open_file(path)))) end
  return value
end
function require(name) return open(host.module_path(name)) end

-- ---- lists -------------------------------------------------------------------------------------
local function check_list(name, items, f)
  if type(items) ~= "table" then raise(name .. ": expected a list, found " .. type(items)) end
  if type(f) ~= "function" then raise(name .. ": expected a function, found " .. type(f)) end
end
function pick(items, wanted)
  check_list("pick", items, wanted)
  local kept = {}
  for _, item in ipairs(items) do
    if wanted(item) then kept[#kept + 1] = item end
  end
  return list(kept)
end
function map(items, change)
  check_list("map", items, change)
  local changed = {}
  for _, item in ipairs(items) do changed[#changed + 1] = change(item) end
  return list(changed)
end
function find(items, wanted)
  check_list("find", items, wanted)
  for _, item in ipairs(items) do
    if wanted(item) then return item end
  end
  return nil
end

)lua";

// prelude_modules.cpp stands here.

constexpr std::string_view before_call = R"lua(
-- ---- the log -----------------------------------------------------------------------------------
log = {
  info = function(text, fields) host.write_log("info", text, fields) end,
  warn = function(text, fields) host.write_log("warn", text, fields) end,
  error = function(text, fields) host.write_log("error", text, fields) end,
}

local failure = {}
function fail(sentence, problem)
  host.give_up(sentence, problem)
  return failure
end

)lua";

constexpr std::string_view after_call = R"lua(
-- Every name is checked: a forgotten `local` and a misspelt function are found at once.
host.guard_globals(
  function(_, name) host.unknown_name(name) end,
  function(_, name)
    raise("`" .. tostring(name) .. "` would be a global variable; write: local " .. tostring(name) .. " = ...")
  end
)

-- ---- entries -----------------------------------------------------------------------------------
local entries = { call_fields = fields }
function entries.run_tool(path)
  local result = open(path).spec.run(host.take_arguments(), call)
  if result == failure then
    host.keep_vars(vars)
    return
  end
  host.give_result(result)
  host.keep_vars(vars)
end
-- A hook with its arguments; what it returns goes to whoever asked.
function entries.run_hook(path, name)
  local result = open(path).spec[name](call, unpack(host.take_arguments().list))
  if name == "on_dtmf" then result = result == true end
  if name == "on_dtmf" or name == "on_end" then host.give_answer(result) end
  host.keep_vars(vars)
end
function entries.prompt(path)
  local text = open(path).spec.prompt(call)
  if type(text) ~= "string" then raw_error(path .. ": prompt: expected text from the function, found " .. type(text), 0) end
  host.give_answer(text)
  host.keep_vars(vars)
end
-- For each tool: whether it is offered, or why that cannot be told.
function entries.offered()
  local answers = {}
  for i, path in ipairs(host.take_arguments().list) do
    local ok, answer = pcall(open(path).spec.when, call)
    if ok then answers[i] = answer and true or false else answers[i] = tostring(answer) end
  end
  host.give_answer(list(answers))
end
function entries.inspect(path)
  host.inspect(open(path))
end
function entries.check_vars(path)
  host.inspect(open(path).spec.check_vars(vars))
end
return entries
)lua";

}  // namespace

Checked<std::string> compile_prelude() {
    return compile(std::string(prelude_path),
                   fmt::format("{}{}{}{}{}", before_modules, prelude_modules, before_call,
                               prelude_call, after_call));
}

}  // namespace parley::script
