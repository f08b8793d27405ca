#include <parley/reload/explain.hpp>

#include <parley/config/report.hpp>
#include <parley/core/text.hpp>
#include <parley/script/catalogue.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::reload {
namespace {

using script::AgentFacts;

// The general settings that shape a call, in the order people ask for them.
constexpr std::array<std::string_view, 12> general_settings{
    "openai.audio",
    "openai.transcription_model",
    "openai.turn_detection.type",
    "openai.turn_detection.threshold",
    "openai.turn_detection.prefix_padding_ms",
    "openai.turn_detection.silence_duration_ms",
    "openai.turn_detection.eagerness",
    "calls.duration_max_minutes",
    "calls.silence_before_prompt_ms",
    "calls.silence_prompts_max",
    "scripts.tool_timeout_ms",
    "scripts.cpu_max_ms"};

// What an agent may have of its own under `turn_taking`, by the general setting it takes the place
// of.
struct OwnTurn {
    std::string_view general, key;
};
constexpr std::array<OwnTurn, 6> own_turns{
    {{"openai.turn_detection.type", "type"},
     {"openai.turn_detection.threshold", "threshold"},
     {"openai.turn_detection.prefix_padding_ms", "prefix_padding_ms"},
     {"openai.turn_detection.silence_duration_ms", "silence_ms"},
     {"openai.turn_detection.eagerness", "eagerness"},
     {"calls.silence_before_prompt_ms", "silence_before_prompt_ms"}}};

// As written in a script; empty where it says nothing.
std::string turn_text(const config::TurnTaking& turns, std::string_view key) {
    const auto shown = [](const auto& value) {
        return value ? fmt::format("{}", *value) : std::string();
    };
    if (key == "type") return turns.type;
    if (key == "threshold") return shown(turns.threshold);
    if (key == "prefix_padding_ms") return shown(turns.prefix_padding_ms);
    if (key == "silence_ms") return shown(turns.silence_ms);
    if (key == "eagerness") return turns.eagerness;
    if (key == "interruptions") return shown(turns.interruptions);
    return turns.silence_before_prompt ? fmt::format("{}", turns.silence_before_prompt->count())
                                       : std::string();
}

json::object line(std::string_view name, std::string_view value, std::string_view source) {
    return {{"name", name}, {"value", value}, {"source", source}};
}

std::string text_of(const json::value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

class Explainer {
 public:
    Explainer(const Generation& generation, const config::AgentSettings& settings,
              const AgentFacts& agent)
        : generation_(generation),
          settings_(settings),
          agent_(agent),
          source_(generation.files.scripts.at(agent.path)),
          path_(generation.files.path_of(agent.path)) {}

    // An agent's own setting, else the script's, else the general one.
    json::object choice(std::string_view name, const std::string& own, const std::string& scripts,
                        std::string_view general) const {
        if (!own.empty())
            return line(name, own, source_of(fmt::format("agents.{}.{}", settings_.name, name)));
        if (!scripts.empty()) return line(name, scripts, at_key(name));
        if (const auto* found = config::find(generation_.settings, general))
            return line(name, found->value, found->source);
        return line(name, "not set", "default");
    }

    json::array settings() const {
        json::array all;
        all.push_back(choice("voice", settings_.voice, agent_.voice, "openai.voice"));
        all.push_back(choice("model", settings_.model, agent_.model, "openai.model"));
        all.push_back(choice("language", settings_.language, agent_.language, ""));
        for (const auto name : general_settings) {
            const auto own = std::find_if(own_turns.begin(), own_turns.end(),
                                          [&](const auto& each) { return each.general == name; });
            if (own != own_turns.end()) {
                if (auto turn = own_turn(name, own->key)) {
                    all.push_back(std::move(*turn));
                    continue;
                }
            }
            if (const auto* found = config::find(generation_.settings, name))
                all.push_back(line(name, found->value, found->source));
        }
        // There is no general setting for this one.
        if (auto turn = own_turn("turn_taking.interruptions", "interruptions"))
            all.push_back(std::move(*turn));
        return all;
    }

    // What the agent's settings or its script say of turn-taking; nothing where neither does.
    std::optional<json::object> own_turn(std::string_view name, std::string_view key) const {
        const auto setting = fmt::format("agents.{}.turn_taking.{}", settings_.name, key);
        if (const auto text = turn_text(settings_.turn_taking, key); !text.empty())
            return line(name, text, source_of(setting));
        const auto text = turn_text(agent_.turn_taking, key);
        if (text.empty()) return std::nullopt;
        const int block = std::max(script::line_of_key(source_, "turn_taking"), 1);
        const int at = script::line_of_key(source_, key, block);
        return line(name, text, at_line(at == 0 ? block : at));
    }

    json::array vars() const {
        json::array all;
        const int block = std::max(script::line_of_key(source_, "vars"), 1);
        for (const auto& var : script::vars_for(agent_, settings_)) {
            const std::string name(var.key());
            const std::string setting = fmt::format("agents.{}.vars.{}", settings_.name, name);
            if (settings_.vars.contains(name)) {
                all.push_back(line(name, shown_setting(setting, var.value()), source_of(setting)));
            } else {
                const int at = script::line_of_key(source_, name, block);
                all.push_back(line(name, config::sounds_secret(name) ? "***" : text_of(var.value()),
                                   at_line(at == 0 ? block : at)));
            }
        }
        return all;
    }

    json::array tools() const {
        json::array all;
        const int block = std::max(script::line_of_key(source_, "tools"), 1);
        for (const auto& tool : script::tools_of(*generation_.bundle)) {
            if (std::find(agent_.tools.begin(), agent_.tools.end(), tool.name) ==
                agent_.tools.end())
                continue;
            const int listed = script::line_of_text(source_, "\"" + tool.name + "\"");
            auto entry = line(tool.name, tool.about, generation_.files.path_of(tool.path) + ":1");
            entry["listed_at"] = at_line(listed == 0 ? block : listed);
            entry["declaration"] = tool.declaration;
            all.push_back(std::move(entry));
        }
        return all;
    }

    json::array hooks() const {
        json::array all;
        for (const auto& name : agent_.functions)
            all.push_back(line(name, "function", at_key(name)));
        return all;
    }

    json::object words(std::string_view name, const std::string& own,
                       const std::string& scripts) const {
        const auto& text = own.empty() ? scripts : own;
        const auto vars = script::vars_for(agent_, settings_);
        return line(name, script::filled_with(text, vars),
                    own.empty() ? (text.empty() ? std::string("not set") : at_key(name))
                                : source_of(fmt::format("agents.{}.{}", settings_.name, name)));
    }

    std::string at_line(int number) const { return fmt::format("{}:{}", path_, number); }
    std::string at_key(std::string_view key) const {
        return at_line(std::max(script::line_of_key(source_, key), 1));
    }

 private:
    // A group of vars has a line for each of its members only: the first tells where it begins.
    std::string source_of(const std::string& setting) const {
        for (const auto& each : generation_.settings.explained) {
            if (each.path == setting || each.path.starts_with(setting + ".")) return each.source;
        }
        return settings_.where;
    }
    // With secrets masked, as `parley config` has it.
    std::string shown_setting(const std::string& setting, const json::value& value) const {
        if (const auto* found = config::find(generation_.settings, setting)) return found->value;
        std::string shown;
        for (const auto& each : generation_.settings.explained) {
            if (each.path.starts_with(setting + "."))
                shown += (shown.empty() ? "" : ", ") + each.path.substr(setting.size() + 1) + ": " +
                         each.value;
        }
        return shown.empty() ? text_of(value) : shown;
    }

    const Generation& generation_;
    const config::AgentSettings& settings_;
    const AgentFacts& agent_;
    const std::string& source_;
    const std::string path_;
};

std::string indented(std::string_view text, std::string_view margin) {
    std::string out;
    for (const auto each : split(text, '\n')) out += fmt::format("{}{}\n", margin, each);
    return out;
}

// Columns on the screen: UTF-8 characters, not bytes.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

std::string table(const json::array& lines) {
    constexpr std::size_t value_bytes_max = 60;
    const auto name_of = [](const json::value& each) {
        return json_read::text(each.as_object(), "name");
    };
    const auto value_of = [](const json::value& each) {
        return shortened(json_read::text(each.as_object(), "value"), value_bytes_max);
    };
    std::size_t name_width = 0;
    std::size_t value_width = 0;
    for (const auto& each : lines) {
        name_width = std::max(name_width, width(name_of(each)));
        value_width = std::max(value_width, width(value_of(each)));
    }
    std::string out;
    for (const auto& each : lines) {
        const auto name = name_of(each);
        const auto value = value_of(each);
        out += "  " + name + std::string(name_width - width(name) + 2, ' ') + value +
               std::string(value_width - width(value) + 2, ' ') +
               json_read::text(each.as_object(), "source") + "\n";
    }
    return out;
}

}  // namespace

Checked<json::object> explain(const Generation& generation, std::string_view number) {
    const auto& settings = generation.settings;
    auto route = settings.numbers.find(std::string(number));
    const bool is_its_own = route != settings.numbers.end();
    if (!is_its_own) route = settings.numbers.find("default");
    if (route == settings.numbers.end()) {
        std::vector<std::string> known;
        for (const auto& [each, agent] : settings.numbers) known.push_back(each);
        const auto meant = did_you_mean(number, known);
        return Fault{fmt::format("numbers.{}", number),
                     "no agent answers this number: callers hear that it is not in service",
                     meant ? fmt::format("did you mean {}?", *meant)
                           : "add it, or `default`, under `numbers:`"};
    }
    const auto agent = settings.agents.find(route->second);
    if (agent == settings.agents.end())
        return Fault{fmt::format("numbers.{}", route->first),
                     fmt::format("there is no agent named \"{}\"", route->second)};
    const std::string script = agent->second.script.empty() ? agent->first : agent->second.script;
    const auto all = script::agents_of(*generation.bundle);
    const auto facts = std::find_if(all.begin(), all.end(),
                                    [&](const auto& each) { return each.script == script; });
    if (facts == all.end())
        return Fault{agent->second.where, fmt::format("there is no script agents/{}.lua", script)};

    const Explainer explainer(generation, agent->second, *facts);
    const auto* route_line = config::find(settings, "numbers." + route->first);
    json::object out;
    out["number"] = number;
    out["version"] = generation.version;
    out["route"] =
        line(route->first, route->second, route_line == nullptr ? "" : route_line->source);
    out["route_is_default"] = !is_its_own;
    out["agent"] = line(agent->first, facts->name, agent->second.where);
    out["script"] = line(script, generation.files.path_of(facts->path),
                         generation.files.path_of(facts->path) + ":1");
    out["settings"] = explainer.settings();
    out["vars"] = explainer.vars();
    out["tools"] = explainer.tools();
    out["hooks"] = explainer.hooks();
    out["greeting"] = explainer.words("greeting", agent->second.greeting, facts->greeting);
    out["prompt"] =
        facts->has_prompt_function
            ? line("prompt", "made by a function when the call begins", explainer.at_key("prompt"))
            : explainer.words("prompt", "", facts->prompt);
    return {boost::system::in_place_value, std::move(out)};
}

std::string shown_explanation(const json::object& explanation) {
    const auto part = [&](const char* name) { return explanation.at(name).as_object(); };
    const auto route = part("route");
    const auto agent = part("agent");
    const auto script = part("script");
    std::string out = fmt::format("A call to {}\n", json_read::text(explanation, "number"));
    out += fmt::format("  is answered by {}{}  ({})\n", json_read::text(route, "value"),
                       explanation.at("route_is_default").get_bool() ? ", by numbers.default" : "",
                       json_read::text(route, "source"));
    out += fmt::format("  which is {}  ({})\n", json_read::text(agent, "value"),
                       json_read::text(agent, "source"));
    out += fmt::format("  with the script {}\n", json_read::text(script, "value"));
    out += "\nSettings\n" + table(explanation.at("settings").as_array());
    if (!explanation.at("vars").as_array().empty())
        out += "\nVars\n" + table(explanation.at("vars").as_array());
    out += "\nTools\n" + (explanation.at("tools").as_array().empty()
                              ? std::string("  none\n")
                              : table(explanation.at("tools").as_array()));
    if (!explanation.at("hooks").as_array().empty())
        out += "\nFunctions\n" + table(explanation.at("hooks").as_array());
    const auto greeting = part("greeting");
    const auto spoken = json_read::text(greeting, "value");
    out +=
        fmt::format("\nGreeting  ({})\n{}", json_read::text(greeting, "source"),
                    spoken.empty() ? "  none: the caller speaks first\n" : indented(spoken, "  "));
    const auto prompt = part("prompt");
    out += fmt::format(
        "\nPrompt  ({}); today, now, weekday and caller are filled in by the call\n{}",
        json_read::text(prompt, "source"), indented(json_read::text(prompt, "value"), "  "));
    return out;
}

}  // namespace parley::reload
