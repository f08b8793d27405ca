-- Branches that compute for ever.
-- expect: cpu
parallel { function() while true do end end, function() while true do end end }
