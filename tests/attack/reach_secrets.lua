-- Asks for a secret that was not granted.
-- expect: error: is not granted to tools/attack
local token = secrets.get("other")
