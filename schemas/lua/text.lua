---@meta

--- Text, above all as a voice should say it.
---@class text
text = {}

--- Without white space at both ends.
---@param s string
---@return string s
--- ```lua
--- text.trim("  a ") -- "a"
--- ```
function text.trim(s) end

--- The trimmed parts between separators.
---@param s string
---@param separator? string A comma unless given
---@return string[] parts
--- ```lua
--- text.split("09:00-12:00, 13:00-17:00") -- { "09:00-12:00", "13:00-17:00" }
--- ```
function text.split(s, separator) end

--- A name letter by letter.
---@param s string
---@return string spelled
--- ```lua
--- text.spell("Jo Smith") -- "J-O, S-M-I-T-H"
--- ```
function text.spell(s) end

--- Each letter and digit alone, for codes.
---@param s string
---@return string digits
--- ```lua
--- text.digits("APT-123") -- "A P T 1 2 3"
--- ```
function text.digits(s) end

--- A phone number in groups, so that a voice does not say millions.
---@param number string
---@return string? spoken
---@return Problem? problem when it is not a phone number
--- ```lua
--- text.spoken_phone("+15550100001") -- "plus 1, 5 5 5, 0 1 0, 0 0 0 1"
--- ```
function text.spoken_phone(number) end

--- A phone number in E.164 form, to be compared and kept.
---@param number string
---@param country_code? string Of numbers without one: "1" unless given
---@return string? number
---@return Problem? problem when it is not a phone number
--- ```lua
--- text.normalise_phone("(555) 010-0001") -- "+15550100001"
--- ```
function text.normalise_phone(number, country_code) end

--- An amount of money.
---@param cents integer Whole cents, so that nothing is rounded
---@param currency? "USD"|"EUR"|"GBP"|"CAD"|"AUD"|"CHF"|"JPY" USD unless given
---@return string spoken
--- ```lua
--- text.money(1250) -- "12 dollars and 50 cents"
--- ```
function text.money(cents, currency) end

--- Fills in `{name}`; `{{name}}` stands for itself. A name without a value is an error.
---@param s string
---@param values table<string, any>
---@return string s
--- ```lua
--- text.template("Hello {name}", { name = "Jo" }) -- "Hello Jo"
--- ```
function text.template(s, values) end
