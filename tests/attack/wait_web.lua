-- Asks the web without end.
-- expect: error: more than 20 web requests in one run
while true do http.get("https://api.example/") end
