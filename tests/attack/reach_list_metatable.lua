-- Changes what all lists are.
-- expect: error: protected metatable
setmetatable(json.list {}, {})
