-- Takes a function apart.
-- expect: error: is nil, not a function
local s = string.dump(function() end)
