---@meta

--- Digests, signatures and random names.
---@class crypto
crypto = {}

--- SHA-256.
---@param message string
---@param form? "hex"|"base64" hex unless given
---@return string digest
--- ```lua
--- local key = "seen:" .. crypto.sha256(call.from)
--- ```
function crypto.sha256(message, form) end

--- HMAC with SHA-256, which many APIs want as a signature.
---@param key string
---@param message string
---@param form? "hex"|"base64"
---@return string digest
--- ```lua
--- local signature = crypto.hmac_sha256(secrets.get("crm_key"), body, "base64")
--- ```
function crypto.hmac_sha256(key, message, form) end

--- A random UUID, version 4.
---@return string uuid
--- ```lua
--- local id = crypto.uuid()
--- ```
function crypto.uuid() end

--- A random token in hexadecimal digits.
---@param bytes? integer 16 unless given, 4 to 256; the text has twice as many digits
---@return string token
--- ```lua
--- local token = crypto.random_token(32)
--- ```
function crypto.random_token(bytes) end

--- Base64 of any bytes.
---@param bytes string
---@return string text
--- ```lua
--- crypto.base64_encode("user:password")
--- ```
function crypto.base64_encode(bytes) end

--- The bytes of a base64 text.
---@param text string
---@return string? bytes
---@return Problem? problem of the kind `mistake`
--- ```lua
--- local bytes, problem = crypto.base64_decode(reply.json.data)
--- ```
function crypto.base64_decode(text) end

--- Whether two texts are the same, in a time that does not depend on where they differ: for signatures.
---@param a string
---@param b string
---@return boolean are_equal
--- ```lua
--- if not crypto.equals(given, expected) then return fail("The signature is wrong.") end
--- ```
function crypto.equals(a, b) end
