// What tests of scripts have besides what scripts have: describe, it, expect, run_tool, clock. In
// Lua, so that it can wait like a script. It runs after the prelude, and only in VMs made for
// tests.
#include "test_prelude.hpp"

namespace parley::script {
namespace {

constexpr std::string_view test_prelude = R"lua(
local host, entries = ...
local type, pairs, ipairs, tostring, tonumber, pcall = type, pairs, ipairs, tostring, tonumber, pcall
local setmetatable, rawset = setmetatable, rawset
local raise, encode = host.raise, host.show

-- ---- collecting --------------------------------------------------------------------------------
local tests, names, setups = {}, {}, {}
local function check_block(what, name, f)
  if type(name) ~= "string" or type(f) ~= "function" then raise(what .. ': expected a name and a function, as in ' .. what .. '("name", function() ... end)') end
end
local function describe(name, f)
  check_block("describe", name, f)
  names[#names + 1] = name
  local outer = #setups
  f()
  names[#names] = nil
  for i = #setups, outer + 1, -1 do setups[i] = nil end
end
local function it(name, f)
  check_block("it", name, f)
  local before = {}
  for i = 1, #setups do before[i] = setups[i] end
  local full = ""
  for _, part in ipairs(names) do full = full .. part .. " " end
  tests[#tests + 1] = { name = full .. name, line = host.current_line(), before = before, run = f }
end
local function before_each(f)
  if type(f) ~= "function" then raise("before_each: expected a function") end
  setups[#setups + 1] = f
end

-- ---- expecting ---------------------------------------------------------------------------------
local function same(a, b)
  if a == b then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key in pairs(b) do
    if a[key] == nil then return false end
  end
  return true
end
-- Text in text; an item in a list; some members in a table.
local function has(value, part)
  if type(value) == "string" then return type(part) == "string" and value:find(part, 1, true) ~= nil end
  if type(value) ~= "table" then return false end
  for _, item in ipairs(value) do
    if same(item, part) then return true end
  end
  if type(part) ~= "table" then return false end
  local members = false
  for key, wanted in pairs(part) do
    if type(key) ~= "string" then return false end
    members = true
    if not same(value[key], wanted) and not (type(wanted) == "table" and has(value[key], wanted)) then return false end
  end
  return members
end

local function comparison(words, holds)
  return function(value, sign, other)
    if holds(value, other) == sign then return end
    raise("expected " .. (sign and "" or "anything but ") .. words(other) .. "\nfound " .. encode(value))
  end
end
local function constant(text) return function() return text end end
local function with(text) return function(other) return text .. encode(other) end end
local function is_number(value) return type(value) == "number" end
local comparisons = {
  to_equal = comparison(encode, same),
  to_be = comparison(encode, function(a, b) return a == b end),
  to_be_nil = comparison(constant("nothing"), function(a) return a == nil end),
  to_be_true = comparison(constant("true"), function(a) return a == true end),
  to_be_false = comparison(constant("false"), function(a) return a == false end),
  to_contain = comparison(with("something with "), has),
  to_match = comparison(with("text that matches "), function(a, pattern) return type(a) == "string" and a:find(pattern) ~= nil end),
  to_be_above = comparison(with("a number above "), function(a, b) return is_number(a) and a > b end),
  to_be_below = comparison(with("a number below "), function(a, b) return is_number(a) and a < b end),
}
local function methods(value, sign)
  local found = {}
  for name, compare in pairs(comparisons) do
    found[name] = function(other) return compare(value, sign, other) end
  end
  -- Of a function: that it raises an error with these words.
  found.to_fail = function(words)
    if type(value) ~= "function" then raise("to_fail: expected a function, as in expect(function() ... end).to_fail(\"words\")") end
    local ok, message = pcall(value)
    local has_failed = not ok and (words == nil or tostring(message):find(words, 1, true) ~= nil)
    if has_failed == sign then return end
    raise("expected " .. (sign and "an" or "no") .. " error" .. (words and " with " .. encode(words) or "") ..
      "\nfound " .. (ok and "none" or tostring(message)))
  end
  return found
end
local known = methods(nil, true)
local checked = {
  __index = function(_, name)
    local list = {}
    for word in pairs(known) do list[#list + 1] = word end
    host.unknown_method(tostring(name), list)
  end,
}
local function expect(value)
  local found = setmetatable(methods(value, true), checked)
  rawset(found, "never", setmetatable(methods(value, false), checked))
  return found
end

-- ---- the world ---------------------------------------------------------------------------------
local function ask(what, arguments)
  host.ask(what, arguments)
  return host.told()
end
local function run_tool(name, arguments, options)
  if type(name) ~= "string" then raise('run_tool: expected the name of a tool, as in run_tool("check_slots", { date = "2026-12-01" })') end
  local answer = ask("run_tool", { name = name, arguments = arguments or {}, options = options or {} })
  if answer.error then raise(answer.error) end
  return answer.result, answer.call
end
local clock = {
  set = function(when, zone) ask("clock.set", { when = when, zone = zone }) end,
  advance = function(seconds) ask("clock.advance", { seconds = seconds }) end,
}

local http_fake = {
  -- http_fake.on("GET", "https://crm.example/people", { status = 200, json = {...} })
  on = function(method, url, answer)
    if type(method) ~= "string" or type(url) ~= "string" or type(answer) ~= "table" then
      raise('http_fake.on: expected a method, an address and an answer, as in http_fake.on("GET", "https://crm.example/people", { json = { name = "Jo" } })')
    end
    ask("http_fake.on", { method = method, url = url, answer = answer })
  end,
  -- What has been sent so far: a list of { method, url, body, json }.
  requests = function() return ask("http_fake.requests", {}) end,
}

-- ---- entries -----------------------------------------------------------------------------------
local function open_tests(path)
  local f = host.open_file(path)
  f()
  host.close_file()
end
function entries.list_tests(path)
  open_tests(path)
  local listed = {}
  for i, test in ipairs(tests) do listed[i] = { name = test.name, line = test.line } end
  host.inspect(listed)
end
function entries.run_test(path, index)
  open_tests(path)
  local test = tests[tonumber(index)]
  for _, setup in ipairs(test.before) do setup() end
  test.run()
end

return {
  describe = describe, it = it, before_each = before_each, expect = expect, run_tool = run_tool, clock = clock, http_fake = http_fake,
}
)lua";

}  // namespace

Checked<std::string> compile_test_prelude() {
    return compile(std::string(prelude_path), test_prelude);
}

}  // namespace parley::script
