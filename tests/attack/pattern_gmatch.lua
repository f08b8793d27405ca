-- An iterator over a pattern that takes for ever.
-- expect: error: pattern takes too long
for _ in (("a"):rep(1e5)):gmatch(".-b") do end
