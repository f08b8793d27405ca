-- A text of a gigabyte.
-- expect: error: the text would be longer than
local s = ("x"):rep(1e9)
