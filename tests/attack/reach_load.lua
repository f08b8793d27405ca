-- Makes code out of text.
-- expect: error: unknown name `loadstring`
local f = loadstring("return 1")
