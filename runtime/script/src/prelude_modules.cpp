// The modules that wait, as far as they are written in Lua: ask the host, sleep, fetch the answer.
// A part of the prelude, with its locals (host, raise, list, raw_error) in view.
#include "vm.hpp"

namespace parley::script {

const std::string_view prelude_modules = R"lua(
-- ---- the database ------------------------------------------------------------------------------
db = {}
function db.query(sql, ...)
  host.query("rows", sql, ...)
  return host.take_answer("rows")
end
function db.exec(sql, ...)
  host.query("counts", sql, ...)
  return host.take_answer("counts")
end
function db.transaction(statements)
  host.transaction(statements)
  return host.take_answer("transaction")
end

-- ---- the web -----------------------------------------------------------------------------------
http = {}
for _, name in ipairs { "get", "post", "put", "patch", "delete", "request" } do
  local whole = "http." .. name
  http[name] = function(url, options)
    host.http(whole, url, options)
    return host.take_answer()
  end
end

-- ---- keys --------------------------------------------------------------------------------------
kv = {}
for _, name in ipairs { "get", "set", "set_if_absent", "increment", "delete" } do
  local ask = host["kv_" .. name]
  kv[name] = function(...)
    ask(...)
    return host.take_answer()
  end
end

-- ---- waiting -----------------------------------------------------------------------------------
function sleep(seconds)
  host.sleep(seconds)
  host.take_answer()
end

-- Each branch keeps its result, its problem, or its error. An error of a branch ends parallel(), but only when all
-- branches are over: none goes on behind the script's back.
function parallel(branches)
  if type(branches) ~= "table" then raise("parallel: expected a table of functions, found " .. type(branches)) end
  local names, count, is_list = {}, 0, true
  for name, f in pairs(branches) do
    if type(f) ~= "function" then
      raise("parallel: `" .. tostring(name) .. "` is a " .. type(f) .. "; expected a function")
    end
    count = count + 1
    names[count] = name
    is_list = is_list and type(name) == "number"
  end
  host.check_waiting("parallel")
  host.room_for(count)
  table.sort(names, function(a, b) return tostring(a) < tostring(b) end)
  local results, problems, errors = {}, {}, {}
  for _, name in ipairs(names) do
    local f = branches[name]
    host.branch(function()
      local ok, value, problem = pcall(f)
      if not ok then
        errors[name] = value
      else
        results[name] = value
        if value == nil then problems[name] = problem end
      end
    end)
  end
  if count > 0 then host.join() end
  for _, name in ipairs(names) do
    if errors[name] ~= nil then raw_error(errors[name], 0) end
  end
  if count > 0 and is_list and #results == count then list(results) end
  return results, problems
end

)lua";

}  // namespace parley::script
