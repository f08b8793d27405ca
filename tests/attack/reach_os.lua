-- Starts a program.
-- expect: error: is nil, not a function
os.execute("true")
