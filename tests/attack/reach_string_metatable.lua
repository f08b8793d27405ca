-- Changes what all texts can do.
-- expect: error: attempt to index a boolean value
getmetatable("").__index = nil
