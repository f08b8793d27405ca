// What an agent file may say.
#include "declarations.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <cmath>

namespace parley::script {
namespace {

constexpr std::size_t prompt_bytes_max = 64 * 1024;

const std::vector<std::string> agent_keys{
    "api",         "name",           "about",         "greeting",       "voicemail",     "prompt",
    "vars",        "tools",          "hand_offs",     "voice",          "model",         "language",
    "turn_taking", "on_start",       "on_dtmf",       "on_silence",     "on_tool_error", "on_end",
    "check_vars",  "on_caller_said", "on_agent_said", "on_interrupted", "on_returned"};
const std::vector<std::string> turn_keys{
    "type",      "threshold",     "prefix_padding_ms",       "silence_ms",
    "eagerness", "interruptions", "silence_before_prompt_ms"};

struct Range {
    double min, max;
    const char* unit;
};

std::optional<double> number_in(const FileCheck& check, const Tree& turns, const char* key,
                                Range range) {
    const Tree* value = turns.find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind == Tree::Kind::number && value->number >= range.min &&
        value->number <= range.max)
        return value->number;
    check.fault(check.line_of_key(key),
                fmt::format("`{}`: expected {} from {} to {}, found {}", key, range.unit, range.min,
                            range.max, value->describe()));
    return std::nullopt;
}

std::optional<int> whole_in(const FileCheck& check, const Tree& turns, const char* key,
                            Range range) {
    const auto number = number_in(check, turns, key, range);
    if (!number) return std::nullopt;
    return static_cast<int>(std::lround(*number));
}

std::string choice_of(const FileCheck& check, const Tree& turns, const char* key,
                      const std::vector<std::string>& known) {
    const Tree* value = turns.find(key);
    if (value == nullptr) return {};
    if (value->kind == Tree::Kind::text &&
        std::find(known.begin(), known.end(), value->text) != known.end())
        return value->text;
    const auto near =
        value->kind == Tree::Kind::text ? did_you_mean(value->text, known) : std::nullopt;
    std::string all;
    for (const auto& one : known) all += (all.empty() ? "\"" : ", \"") + one + "\"";
    check.fault(check.line_of_key(key),
                fmt::format("`{}`: expected one of {}, found {}", key, all, value->describe()),
                near ? fmt::format("did you mean \"{}\"?", *near) : "");
    return {};
}

void read_turn_taking(const FileCheck& check, const Tree& turns, config::TurnTaking& out) {
    if (turns.kind != Tree::Kind::table || !turns.list.empty() || turns.has_other_keys) {
        check.fault(
            check.line_of_key("turn_taking"),
            fmt::format("`turn_taking`: expected names and values, found {}", turns.describe()),
            "write: turn_taking = { silence_ms = 700 }");
        return;
    }
    for (const auto& [key, value] : turns.fields) {
        if (std::find(turn_keys.begin(), turn_keys.end(), key) == turn_keys.end())
            check.fault(check.line_of_key(key), fmt::format("turn_taking: unknown key `{}`", key),
                        mean(key, turn_keys));
    }
    out.type = choice_of(check, turns, "type", {"server_vad", "semantic_vad"});
    out.threshold = number_in(check, turns, "threshold", {0, 1, "a number"});
    out.prefix_padding_ms = whole_in(check, turns, "prefix_padding_ms", {0, 5'000, "milliseconds"});
    out.silence_ms = whole_in(check, turns, "silence_ms", {50, 10'000, "milliseconds"});
    out.eagerness = choice_of(check, turns, "eagerness", {"low", "medium", "high", "auto"});
    if (turns.find("interruptions") != nullptr)
        out.interruptions = flag_of(check, turns, "interruptions", true);
    if (const auto ms =
            whole_in(check, turns, "silence_before_prompt_ms", {100, 600'000, "milliseconds"})) {
        out.silence_before_prompt = milliseconds(*ms);
    }
}

}  // namespace

std::optional<AgentEntry> read_agent(const FileCheck& check, const std::string& name,
                                     const Tree& tree) {
    const Tree* spec = spec_of(check, tree, "agent");
    if (spec == nullptr) return std::nullopt;
    const auto before = check.faults.size();
    check_keys(check, *spec, agent_keys);
    check_api(check, *spec);

    AgentEntry agent;
    agent.path = check.path;
    agent.script = name;
    agent.name = text_of(check, *spec, "name", Need::optional, "", 200);
    if (agent.name.empty()) agent.name = name;
    agent.about = text_of(check, *spec, "about", Need::optional, "", about_bytes_max);
    if (const Tree* prompt = spec->find("prompt");
        prompt != nullptr && prompt->kind == Tree::Kind::function) {
        agent.has_prompt_function = true;
    } else {
        agent.prompt = text_of(check, *spec, "prompt", Need::required,
                               "say who the agent is and how it works", prompt_bytes_max);
    }
    agent.greeting = text_of(check, *spec, "greeting", Need::optional, "", 2'000);
    agent.voicemail = text_of(check, *spec, "voicemail", Need::optional, "", 1'000);
    agent.voice = text_of(check, *spec, "voice", Need::optional, "", 100);
    agent.model = text_of(check, *spec, "model", Need::optional, "", 100);
    agent.language = text_of(check, *spec, "language", Need::optional, "", 35);
    agent.has_on_start = function_of(check, *spec, "on_start");
    agent.hooks.caller_said = function_of(check, *spec, "on_caller_said");
    agent.hooks.agent_said = function_of(check, *spec, "on_agent_said");
    agent.hooks.interrupted = function_of(check, *spec, "on_interrupted");
    agent.hooks.dtmf = function_of(check, *spec, "on_dtmf");
    agent.hooks.silence = function_of(check, *spec, "on_silence");
    agent.hooks.returned = function_of(check, *spec, "on_returned");
    agent.has_on_tool_error = function_of(check, *spec, "on_tool_error");
    agent.has_on_end = function_of(check, *spec, "on_end");
    agent.has_check_vars = function_of(check, *spec, "check_vars");

    if (const Tree* vars = spec->find("vars")) {
        if (vars->kind != Tree::Kind::table || !vars->list.empty() || vars->has_other_keys) {
            check.fault(check.line_of_key("vars"), "`vars`: expected names and values",
                        "write: vars = { clinic = \"Smile Dental\" }");
        } else {
            for (const auto& [key, value] : vars->fields) {
                if (!is_identifier(key)) {
                    check.fault(check.line_of_key("vars"),
                                fmt::format("var `{}` is not a name", key),
                                "use letters, digits and _");
                } else if (is_always_known(key)) {
                    check.fault(
                        check.line_of_key(key),
                        fmt::format("var `{}` has a name that the runtime fills in itself", key),
                        "choose another name");
                } else if (value.kind == Tree::Kind::function) {
                    check.fault(
                        check.line_of_key(key),
                        fmt::format(
                            "var `{}`: expected text, a number, true, false or a table, found a function",
                            key));
                } else {
                    agent.vars.emplace(key, to_json(value));
                }
            }
        }
    }
    agent.tools = names_of(check, *spec, "tools", "tool", "check_slots");
    agent.hand_offs = names_of(check, *spec, "hand_offs", "agent", "billing");
    if (const Tree* turns = spec->find("turn_taking"))
        read_turn_taking(check, *turns, agent.turn_taking);
    if (check.faults.size() != before) return std::nullopt;
    return agent;
}

}  // namespace parley::script
