---@meta

--- Values under names, shared by all calls and kept across restarts. Each has a lifetime: after it, the key is absent.
---
--- Keys belong to the scripts folder. They wait without holding up the call; a problem is of the kind `busy` or `full`.
--- Limits: 50 uses in one run, keys of 200 characters, values of `scripts.kv.value_bytes_max` (64 KB) as JSON.
---@class kv
kv = {}

--- Options of what is kept.
---@class kv.Options
---@field ttl? number Seconds to keep it, at most `scripts.kv.ttl_max_seconds`; else `scripts.kv.ttl_seconds`

--- The value of a key.
---@param key string
---@return any value nil when there is none, or its time is over
---@return Problem? problem
--- ```lua
--- local free = kv.get("slots:" .. args.date)
--- ```
function kv.get(key) end

--- Keeps a value: text, a number, true, false or a table of these.
---@param key string
---@param value any
---@param options? kv.Options
---@return boolean? done
---@return Problem? problem
--- ```lua
--- kv.set("slots:" .. args.date, free, { ttl = 30 })
--- ```
function kv.set(key, value, options) end

--- Keeps a value only if the key is absent: of several callers, one gets true.
---@param key string
---@param value any
---@param options? kv.Options
---@return boolean? was_absent false when there was a value already; it stays
---@return Problem? problem
--- ```lua
--- if not kv.set_if_absent("told:" .. call.from, true, { ttl = 86400 }) then return fail("You have been told today.") end
--- ```
function kv.set_if_absent(key, value, options) end

--- Adds to a whole number in one step, whoever else does the same. A missing key counts as 0 and gets the lifetime.
---@param key string
---@param by? integer 1 unless given; may be negative
---@param options? kv.Options
---@return integer? number The new one
---@return Problem? problem of the kind `mistake` when the value is no whole number
--- ```lua
--- local tries = kv.increment("tries:" .. call.from, 1, { ttl = 3600 })
--- ```
function kv.increment(key, by, options) end

--- Removes a key.
---@param key string
---@return boolean? was_there
---@return Problem? problem
--- ```lua
--- kv.delete("slots:" .. args.date)
--- ```
function kv.delete(key) end
