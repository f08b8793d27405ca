-- Branches that all wait for a server that never answers.
-- expect: wall
local t = {}
for i = 1, 16 do
  t[i] = function()
    local reply = http.get("https://hang.example/")
    return reply
  end
end
parallel(t)
error("not reached")
