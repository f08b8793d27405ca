-- Catches the end of its memory, and takes more.
-- expect: memory
local t = {}
while true do
  pcall(function()
    while true do t[#t + 1] = { #t } end
  end)
end
