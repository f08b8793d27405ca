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
local raise, check_kill, list = host.raise, host.check_kill, json.list

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

-- ---- sorting and replacing ---------------------------------------------------------------------
-- In C, a function that a script gives to these could neither pause nor wait. Here it can; and a long list is sorted
-- in parts, with pauses between them.
local find_text, sub_text, replace_text, sort_plain = string.find, string.sub, string.gsub, table.sort
local concat, min, huge = table.concat, math.min, math.huge
local plain_run = 500

local function ascending(a, b) return a < b end

-- Merges sorted runs of `width` items of `from`, `to` being as long: the one that holds them all in the end.
local function merge(from, to, count, width, less)
  while width < count do
    for low = 1, count, 2 * width do
      local left, middle = low, min(low + width, count + 1)
      local right, high = middle, min(low + 2 * width, count + 1)
      for at = low, high - 1 do
        if left < middle and (right >= high or not less(from[right], from[left])) then
          to[at], left = from[left], left + 1
        else
          to[at], right = from[right], right + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  return from
end

-- Copies, sorted in runs of `width`.
local function sorted_runs(items, count, width)
  local copy = {}
  for low = 1, count, width do
    local run = {}
    for at = low, min(low + width - 1, count) do run[at - low + 1] = items[at] end
    if width > 1 then sort_plain(run) end
    for i = 1, #run do copy[low + i - 1] = run[i] end
  end
  return copy
end

local function sort_in_parts(items, count, less)
  local first = type(items[1])
  local width = not less and (first == "number" or first == "string") and plain_run or 1
  return merge(sorted_runs(items, count, width), {}, count, width, less or ascending)
end

function table.sort(items, less)
  local count = host.check_sort(items, less)
  local first = type(items[1])
  if not less and count <= plain_run and (first == "number" or first == "string") then
    return sort_plain(items)
  end
  local ok, sorted = after(raw_pcall(sort_in_parts, items, count, less))
  if not ok then
    if type(sorted) ~= "string" or sub_text(sorted, 1, 7) ~= "parley:" then raw_error(sorted, 0) end
    raise((replace_text(sorted, "^parley:%d+: ", "")))  -- items that cannot be compared
  end
  for at = 1, count do items[at] = sorted[at] end
end

local function with_whole(text, first, last, ...)
  if first and select("#", ...) == 0 then return first, last, sub_text(text, first, last) end
  return first, last, ...
end
local function with_replacement(replace, first, last, ...)
  if first then return first, last, (replace(...)) end
end

local text_bytes_max = 1048576
local function check_length(bytes)
  if bytes > text_bytes_max then raise("string.gsub: the text would be longer than " .. text_bytes_max .. " characters") end
end

function string.gsub(text, pattern, replace, limit)
  if type(replace) ~= "function" then return replace_text(text, pattern, replace, limit) end
  text = replace_text(text, pattern, "", 0)  -- checks its arguments
  limit = type(limit) == "number" and limit or huge
  local is_anchored = sub_text(pattern, 1, 1) == "^"
  local out, parts, bytes, at, count, size = {}, {}, 0, 1, 0, #text
  local function add(piece)
    bytes = bytes + #piece
    check_length(bytes)
    out[#out + 1] = piece
    if #out == 1000 then parts[#parts + 1], out = concat(out), {} end
  end
  while count < limit and at <= size + 1 do
    local first, last, value = with_replacement(replace, with_whole(text, find_text(text, pattern, at)))
    if not first then break end
    count = count + 1
    if type(value) == "number" then
      value = tostring(value)
    elseif not value then
      value = sub_text(text, first, last)
    elseif type(value) ~= "string" then
      raise("string.gsub: the replacement for a match is " .. (value == true and "true" or "a " .. type(value)) .. "; expected text")
    end
    add(sub_text(text, at, first - 1))
    add(value)
    at = last + 1
    if last < first then  -- nothing was matched: on with the next character
      add(sub_text(text, first, first))
      at = first + 1
    end
    if is_anchored then break end
  end
  add(sub_text(text, at))
  parts[#parts + 1] = concat(out)
  return concat(parts), count
end

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
