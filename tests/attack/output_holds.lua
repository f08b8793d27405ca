-- Puts the caller on hold and takes them back, again and again.
-- expect: error: more than 20 such calls in one run
while true do
  call:hold()
  call:resume()
end
