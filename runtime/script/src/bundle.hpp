// bundle.hpp: what a Bundle holds, and the steps that build it.
#pragma once

#include "params.hpp"
#include "vm.hpp"

#include <parley/call/events.hpp>
#include <parley/core/schema.hpp>
#include <parley/script/library.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace parley::script {

struct ToolEntry {
    std::string path;  // "tools/check_slots.lua"
    std::string about;
    std::vector<Param> params;
    // compiled, without patterns; guards what the plain checks let through
    std::optional<Schema> schema;
    std::optional<std::chrono::milliseconds> timeout;
    call::ToolOptions options;  // without the timeout, for which the settings have a default
    bool has_options = false;   // any that the call's rules need to know
    bool has_when = false;
    json::object declaration;  // for the model
};

struct AgentEntry {
    std::string path;
    std::string script;  // "sarah", of agents/sarah.lua
    std::string name, about, greeting, voice, model, language;
    // "hang up", or what is said to an answering machine; empty: machines are not looked for
    std::string voicemail;
    std::string prompt;  // empty when it is a function
    bool has_prompt_function = false;
    json::object vars;
    std::vector<std::string> tools;
    std::vector<std::string> hand_offs;  // names of agents
    config::TurnTaking turn_taking;
    call::Hooks hooks;
    bool has_on_start = false, has_on_tool_error = false, has_on_end = false,
         has_check_vars = false;
};

struct Bundle::Content {
    std::string version;
    Bytecode files;
    std::map<std::string, ToolEntry, std::less<>> tools;
    std::map<std::string, AgentEntry, std::less<>> agents;

    // The agent for these settings: by `script`, else by `name`. Null: none.
    const AgentEntry* agent_for(const config::AgentSettings& settings) const;
};

// One file under examination: where its faults go.
struct FileCheck {
    const std::string& path;
    const std::string& source;
    std::vector<Fault>& faults;

    void fault(int line, std::string what, std::string remedy = {}) const;
    int line_of_key(std::string_view key) const;  // of `key =`; 1 when it is not to be found
    int line_of_text(std::string_view text) const;
};

// Read what a file returned; faults go to `check`.
std::optional<ToolEntry> read_tool(const FileCheck& check, const std::string& name,
                                   const Tree& tree);
std::optional<AgentEntry> read_agent(const FileCheck& check, const std::string& name,
                                     const Tree& tree);
// That its tools and hand-offs exist and its texts name only vars there are.
void check_agent(const FileCheck& check, AgentEntry& agent, const Bundle::Content& content);
std::vector<Fault> check_settings(const Bundle::Content& content,
                                  const config::AgentSettings& settings);
// What check_vars() of the script objects to.
std::vector<std::string> check_vars(const Bundle::Content& content, const AgentEntry& agent,
                                    const json::object& vars);

// Vars of the script, with those of the settings on top.
json::object merged_vars(const AgentEntry& agent, const config::AgentSettings& settings);

// ---- prompts ----------------------------------------------------------------------------------

// Names in `{...}`, in order; "{{name}}" stands for the text "{name}".
std::vector<std::string> names_in(std::string_view text);
bool is_always_known(std::string_view name);  // today, now, weekday, caller
// Text of a var in a prompt; nothing for an object.
std::optional<std::string> shown(const json::value& value);
// Unknown names stay as they are.
std::string filled(std::string_view text,
                   const std::function<std::optional<std::string>(std::string_view)>& value_of);

}  // namespace parley::script
