-- Reads the environment.
-- expect: error: is nil, not a function
local key = os.getenv("OPENAI_API_KEY")
