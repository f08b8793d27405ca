#include <parley/script/catalogue.hpp>

#include "bundle.hpp"

#include <parley/core/text.hpp>

namespace parley::script {
namespace {

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::vector<ToolFacts> tools_of(const Bundle& bundle) {
    std::vector<ToolFacts> all;
    for (const auto& [name, tool] : bundle.content().tools) {
        ToolFacts facts{
            .name = name, .path = tool.path, .about = tool.about, .declaration = tool.declaration};
        for (const auto& param : tool.params) facts.params.push_back(param.name);
        all.push_back(std::move(facts));
    }
    return all;
}

std::vector<AgentFacts> agents_of(const Bundle& bundle) {
    std::vector<AgentFacts> all;
    for (const auto& [script, agent] : bundle.content().agents) {
        AgentFacts facts;
        facts.script = script;
        facts.path = agent.path;
        facts.name = agent.name;
        facts.about = agent.about;
        facts.has_prompt_function = agent.has_prompt_function;
        facts.hand_offs = agent.hand_offs;
        facts.greeting = agent.greeting;
        facts.voicemail = agent.voicemail;
        facts.prompt = agent.prompt;
        facts.voice = agent.voice;
        facts.model = agent.model;
        facts.language = agent.language;
        facts.turn_taking = agent.turn_taking;
        facts.vars = agent.vars;
        facts.tools = agent.tools;
        const std::pair<const char*, bool> functions[] = {
            {"check_vars", agent.has_check_vars},
            {"on_start", agent.has_on_start},
            {"on_caller_said", agent.hooks.caller_said},
            {"on_agent_said", agent.hooks.agent_said},
            {"on_interrupted", agent.hooks.interrupted},
            {"on_dtmf", agent.hooks.dtmf},
            {"on_silence", agent.hooks.silence},
            {"on_returned", agent.hooks.returned},
            {"on_tool_error", agent.has_on_tool_error},
            {"on_end", agent.has_on_end},
        };
        for (const auto& [name, is_there] : functions) {
            if (is_there) facts.functions.emplace_back(name);
        }
        all.push_back(std::move(facts));
    }
    return all;
}

json::object vars_for(const AgentFacts& agent, const config::AgentSettings& settings) {
    json::object vars = agent.vars;
    for (const auto& [name, value] : settings.vars) vars[name] = value;
    return vars;
}

std::vector<std::string> vars_named_in(std::string_view text) {
    auto names = names_in(text);
    std::erase_if(names, [](const std::string& name) { return is_always_known(name); });
    return names;
}

std::string filled_with(std::string_view text, const json::object& vars) {
    return filled(text, [&](std::string_view name) -> std::optional<std::string> {
        const auto* value = vars.if_contains(name);
        return value == nullptr ? std::nullopt : shown(*value);
    });
}

int line_of_key(std::string_view source, std::string_view key, int from_line) {
    int number = 0;
    for (const auto line : split(source, '\n')) {
        if (++number < from_line || trim(line).starts_with("--")) continue;
        for (auto at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
            const auto end = at + key.size();
            if (at > 0 && (is_word_char(line[at - 1]) || line[at - 1] == '.')) continue;
            if (end < line.size() && is_word_char(line[end])) continue;
            const auto rest = trim(line.substr(end));
            if (rest.starts_with('=') && !rest.starts_with("==")) return number;
        }
    }
    return 0;
}

int line_of_text(std::string_view source, std::string_view text) {
    const auto at = source.find(text);
    if (at == std::string_view::npos) return 0;
    return 1 + static_cast<int>(std::count(source.begin(),
                                           source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

}  // namespace parley::script
