// catalogue.hpp: what a bundle holds, as plain facts for people: `parley check`, `explain`, `diff`,
// the status page.
//
// A copy of what the files declare, and the few looks into their text that name a line. No call
// needs it.
//
// Thread: any; nothing here keeps state.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/json.hpp>
#include <parley/script/library.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

struct ToolFacts {
    std::string name, path;  // "check_slots", "tools/check_slots.lua"
    std::string about;
    std::vector<std::string> params;
    json::object declaration;  // what the model is told
};

struct AgentFacts {
    std::string script, path;  // "sarah", "agents/sarah.lua"
    std::string name, about, greeting, voice, model, language;
    std::string voicemail;  // "hang up", a text, or empty
    config::TurnTaking turn_taking;
    std::string prompt;  // empty where it is a function
    bool has_prompt_function = false;
    json::object vars;
    std::vector<std::string> tools, hand_offs;
    std::vector<std::string> functions;  // of the hooks it has: "on_start"
};

std::vector<ToolFacts> tools_of(const Bundle& bundle);
std::vector<AgentFacts> agents_of(const Bundle& bundle);

// Vars of the script, with those of the settings on top.
json::object vars_for(const AgentFacts& agent, const config::AgentSettings& settings);
// Names in `{...}` that a var must fill; {today}, {now}, {weekday} and {caller} are not among them.
std::vector<std::string> vars_named_in(std::string_view text);
// The text with its vars filled in; what only a call knows ({today}, {caller}, ...) stays as it is.
std::string filled_with(std::string_view text, const json::object& vars);

// The line of `key =` in a script, at or after a line; 0 when there is none. Comment lines do not
// count.
int line_of_key(std::string_view source, std::string_view key, int from_line = 1);
// The line where `text` first stands; 0 when it does not.
int line_of_text(std::string_view source, std::string_view text);

}  // namespace parley::script
