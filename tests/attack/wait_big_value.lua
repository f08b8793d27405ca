-- Keeps a value that is too long.
-- expect: error: the limit is 65536 bytes
kv.set("k", ("x"):rep(100000))
