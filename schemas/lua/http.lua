---@meta

--- Requests to the web. They wait without holding up the call.
---
--- Only hosts in `scripts.http.allow` of the YAML settings can be reached; nothing is allowed unless it is listed there.
--- Addresses of this machine and its network are refused even then, unless the address itself is listed, or the host in
--- `scripts.http.allow_private`. https checks the certificate. Up to five redirects are followed, to allowed hosts only.
--- A response of status 400 and above is a problem of the kind `status`.
---
--- Limits: 20 requests in one run, `scripts.open_requests_max` open at once in one call (with `db`), a response of
--- `scripts.http.response_bytes_max`, and the deadline of the tool. Not usable at the top level of a file.
---@class http
http = {}

--- Options of a request.
---@class http.Options
---@field query? table<string, any> Added to the URL: text, numbers, true, false, or lists of these
---@field headers? table<string, any> Header names and values; Host, Content-Length and Connection are set by the runtime
---@field json? any The body as JSON; sets Content-Type
---@field form? table<string, any> The body as a form; sets Content-Type
---@field body? string The body as it is
---@field timeout? number Seconds for everything together, retries included; at most 60, else `scripts.http.timeout_ms`
---@field retries? integer How often to try again, 0 to 5; else 2 for GET, PUT and DELETE, which do no harm when repeated, and 0 for POST and PATCH
---@field method? string Of `http.request` only: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS

--- What a server answered.
---@class http.Reply
---@field status integer Such as 200
---@field headers table<string, string> By name in lower case
---@field body string
---@field json? any The body as a value, where its Content-Type is JSON and it can be read

--- Sends a GET request.
---@param url string Begins with https:// or http://
---@param options? http.Options
---@return http.Reply? reply nil when there was a problem
---@return Problem? problem kind is `timeout`, `refused`, `dns`, `tls`, `too_large`, `not_allowed`, `redirects`, `broken`, or `status` (then it has status, headers, body and json too)
--- ```lua
--- local reply, problem = http.get("https://calendar.example/slots", { query = { date = args.date }, timeout = 3 })
--- if not reply then return fail("The calendar did not answer.", problem) end
--- return reply.json.slots
--- ```
function http.get(url, options) end

--- Sends a POST request. It is not repeated unless `retries` says so.
---@param url string
---@param options? http.Options
---@return http.Reply? reply
---@return Problem? problem
--- ```lua
--- local reply, problem = http.post("https://crm.example/leads", {
---   json = { name = args.name, phone = call.from },
---   headers = { Authorization = "Bearer " .. secrets.get("crm_token") },
--- })
--- ```
function http.post(url, options) end

--- Sends a PUT request.
---@param url string
---@param options? http.Options
---@return http.Reply? reply
---@return Problem? problem
--- ```lua
--- http.put("https://crm.example/leads/17", { json = { phone = call.from } })
--- ```
function http.put(url, options) end

--- Sends a PATCH request. It is not repeated unless `retries` says so.
---@param url string
---@param options? http.Options
---@return http.Reply? reply
---@return Problem? problem
--- ```lua
--- http.patch("https://crm.example/leads/17", { form = { state = "called" } })
--- ```
function http.patch(url, options) end

--- Sends a DELETE request.
---@param url string
---@param options? http.Options
---@return http.Reply? reply
---@return Problem? problem
--- ```lua
--- http.delete("https://crm.example/leads/17")
--- ```
function http.delete(url, options) end

--- Sends a request with the method in `options.method`, GET unless it says otherwise.
---@param url string
---@param options? http.Options
---@return http.Reply? reply
---@return Problem? problem
--- ```lua
--- local reply = http.request("https://crm.example/leads/17", { method = "HEAD" })
--- ```
function http.request(url, options) end
