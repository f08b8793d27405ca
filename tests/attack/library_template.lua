-- A template that would fill the memory.
-- expect: error: the text would be longer than
local s = text.template(("{a}"):rep(20000), { a = ("x"):rep(60000) })
