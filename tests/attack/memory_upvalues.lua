-- Fills a local of an outer function.
-- expect: memory
local all = {}
local function add() all[#all + 1] = { all, all, all } end
while true do add() end
