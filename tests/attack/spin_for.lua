-- A loop that counts to infinity.
-- expect: cpu
for i = 1, math.huge do end
