---@meta

--- Tokens and passwords from `secrets:` in the YAML settings, each only for the scripts that it names.
---
--- What is granted is masked in log lines, in results of tools, in what `fail` and `call.inject` say.
---@class secrets
secrets = {}

--- The value of a secret. An error says where to grant it, if it is not granted to this script, or to the tool or agent
--- on whose behalf a file in `lib/` asks.
---@param name string
---@return string value
--- ```lua
--- local headers = { Authorization = "Bearer " .. secrets.get("crm_token") }
--- ```
function secrets.get(name) end
