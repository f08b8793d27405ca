-- An iterator that never gives nil.
-- expect: cpu
for _ in function() return 1 end do end
