return tool {
  api = 1,
  about = "Look up the weather at the practice.",
  say_if_slow = "Let me look out of the window.",
  run = function()
    local known = kv.get("weather")
    if known then return { weather = known, from = "memory" } end
    local reply, problem = http.get("https://weather.example/now", { query = { place = "Berlin" }, timeout = 4 })
    if not reply and problem.kind == "status" then return fail("The weather service has a problem.", problem) end
    if not reply then return fail("I cannot see the weather.", problem) end
    kv.set("weather", reply.json.weather, { ttl = 60 })
    return { weather = reply.json.weather, from = "web" }
  end,
}
