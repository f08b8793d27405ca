#include <parley/sim/model_script.hpp>

#include <parley/core/text.hpp>

#include "yaml_reader.hpp"

#include <array>
#include <charconv>

namespace parley::sim {

namespace {

using Kind = InjectedFault::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 18> kind_names{{
    {"refuse_http", Kind::refuse_http},
    {"refuse_key", Kind::refuse_key},
    {"refuse_model", Kind::refuse_model},
    {"refuse_connection", Kind::refuse_connection},
    {"drop", Kind::drop},
    {"close_1011", Kind::close_1011},
    {"stall", Kind::stall},
    {"rate_limit", Kind::rate_limit},
    {"insufficient_quota", Kind::insufficient_quota},
    {"server_error", Kind::server_error},
    {"expire", Kind::expire},
    {"late_deltas", Kind::late_deltas},
    {"unknown_event", Kind::unknown_event},
    {"huge_event", Kind::huge_event},
    {"null_usage", Kind::null_usage},
    {"obfuscation", Kind::obfuscation},
    {"invalid_json", Kind::invalid_json},
    {"transcription_failed", Kind::transcription_failed},
}};

constexpr std::size_t nesting_max = 16;  // of `then`

std::string all_kinds() {
    std::string names;
    for (const auto& [name, kind] : kind_names) {
        if (!names.empty()) names += ", ";
        names += name;
    }
    return names;
}

std::optional<Kind> kind_named(std::string_view name) {
    for (const auto& [known, kind] : kind_names) {
        if (known == name) return kind;
    }
    return std::nullopt;
}

InjectedFault read_fault(const YamlReader& yaml, const YAML::Node& node) {
    InjectedFault fault;
    if (node.IsScalar()) {
        auto parsed = parse_fault(node.Scalar());
        if (!parsed) yaml.fail(node, parsed.error().what, parsed.error().remedy);
        return *parsed;
    }
    yaml.expect_map(node, "fault",
                    {"kind", "session", "response", "turn", "after_ms", "http_status", "times"});
    const auto kind = kind_named(yaml.text(node, "kind", ""));
    if (!kind) yaml.fail(node, "fault: unknown kind", "use one of: " + all_kinds());
    fault.kind = *kind;
    fault.session = yaml.whole_number(node, "session", InjectedFault::any);
    fault.response = yaml.whole_number(node, "response", InjectedFault::any);
    fault.turn = yaml.whole_number(node, "turn", InjectedFault::any);
    fault.after = yaml.duration_ms(node, "after_ms", milliseconds(0));
    fault.http_status = yaml.whole_number(node, "http_status", 500);
    fault.times = yaml.whole_number(node, "times", 1);
    return fault;
}

ModelTurn read_turn(const YamlReader& yaml, const YAML::Node& node, std::size_t depth) {
    if (depth > nesting_max) yaml.fail(node, "turns are nested too deep");
    if (node.IsScalar())
        return ModelTurn{.heard = {},
                         .says = node.Scalar(),
                         .calls = {},
                         .remember = {},
                         .when = {},
                         .then = {}};
    yaml.expect_map(node, "turn", {"heard", "says", "calls", "remember", "when", "then"});
    ModelTurn turn;
    turn.heard = yaml.text(node, "heard", "");
    turn.says = yaml.text(node, "says", "");
    turn.when = yaml.text(node, "when", "");
    if (const YAML::Node calls = node["calls"]; calls.IsDefined()) {
        yaml.expect_list(calls, "calls");
        for (const auto& call : calls) {
            if (call.IsScalar()) {
                turn.calls.push_back({call.Scalar(), {}});
                continue;
            }
            yaml.expect_map(call, "call", {"tool", "arguments"});
            ModelTurn::Call made{yaml.text(call, "tool", ""), {}};
            if (made.tool.empty()) yaml.fail(call, "call: `tool` is missing");
            if (const YAML::Node arguments = call["arguments"]; arguments.IsDefined()) {
                if (!arguments.IsMap())
                    yaml.fail(arguments, "arguments: expected names and values");
                made.arguments = yaml.to_json(arguments).get_object();
            }
            turn.calls.push_back(std::move(made));
        }
    }
    if (const YAML::Node remember = node["remember"]; remember.IsDefined()) {
        if (!remember.IsMap()) yaml.fail(remember, "remember: expected names and values");
        for (const auto& member : remember) {
            turn.remember.emplace_back(yaml.text(member.first, "a name"),
                                       yaml.text(member.second, "a value"));
        }
    }
    if (const YAML::Node then = node["then"]; then.IsDefined()) {
        if (turn.calls.empty())
            yaml.fail(then, "then: only a turn with `calls` has results to go on with");
        if (then.IsSequence()) {
            for (const auto& alternative : then)
                turn.then.push_back(read_turn(yaml, alternative, depth + 1));
        } else {
            turn.then.push_back(read_turn(yaml, then, depth + 1));
        }
    }
    return turn;
}

}  // namespace

Checked<InjectedFault> parse_fault(std::string_view text) {
    InjectedFault fault;
    const auto colon = text.find(':');
    const auto kind = kind_named(trim(text.substr(0, colon)));
    if (!kind)
        return Fault{"", fmt::format("unknown fault \"{}\"", text), "use one of: " + all_kinds()};
    fault.kind = *kind;
    if (colon == text.npos) return fault;
    for (const auto part : split(text.substr(colon + 1), ',')) {
        const auto equals = part.find('=');
        const auto name = trim(part.substr(0, equals));
        const auto digits =
            equals == part.npos ? std::string_view() : trim(part.substr(equals + 1));
        int value = 0;
        const auto [end, error] =
            std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
            return Fault{"", fmt::format("fault: expected name=number, found \"{}\"", part), {}};
        }
        if (name == "session") {
            fault.session = value;
        } else if (name == "response") {
            fault.response = value;
        } else if (name == "turn") {
            fault.turn = value;
        } else if (name == "after_ms") {
            fault.after = milliseconds(value);
        } else if (name == "http_status") {
            fault.http_status = value;
        } else if (name == "times") {
            fault.times = value;
        } else {
            return Fault{"", fmt::format("fault: unknown setting \"{}\"", name),
                         "use session, response, turn, after_ms, http_status or times"};
        }
    }
    return fault;
}

Checked<ModelScript> ModelScript::parse(std::string_view text, std::string_view file) {
    const YamlReader yaml(file);
    try {
        const YAML::Node root = yaml.parse(text);
        yaml.expect_map(root, "model script",
                        {"greeting", "fallback_says", "voice", "words_per_minute", "speed",
                         "delta_ms", "think_ms", "transcription_delay_ms", "turns", "told", "faults"});
        ModelScript script;
        script.greeting = yaml.text(root, "greeting", script.greeting);
        script.fallback_says = yaml.text(root, "fallback_says", script.fallback_says);
        script.voice = yaml.text(root, "voice", script.voice);
        script.words_per_minute =
            yaml.whole_number(root, "words_per_minute", script.words_per_minute);
        script.speed = yaml.number(root, "speed", script.speed);
        if (script.speed < 0) yaml.fail(root["speed"], "speed: must not be negative");
        script.delta = yaml.duration_ms(root, "delta_ms", script.delta);
        if (script.delta < milliseconds(1))
            yaml.fail(root["delta_ms"], "delta_ms: must be at least 1");
        script.think = yaml.duration_ms(root, "think_ms", script.think);
        script.transcription_delay =
            yaml.duration_ms(root, "transcription_delay_ms", script.transcription_delay);
        if (const YAML::Node turns = root["turns"]; turns.IsDefined() && !turns.IsNull()) {
            yaml.expect_list(turns, "turns");
            for (const auto& turn : turns) script.turns.push_back(read_turn(yaml, turn, 0));
        }
        if (const YAML::Node told = root["told"]; told.IsDefined() && !told.IsNull()) {
            if (!told.IsMap()) yaml.fail(told, "told: expected texts and what is said to them");
            for (const auto& member : told)
                script.told.emplace_back(yaml.text(member.first, "a text"),
                                         yaml.text(member.second, "what is said"));
        }
        if (const YAML::Node faults = root["faults"]; faults.IsDefined() && !faults.IsNull()) {
            yaml.expect_list(faults, "faults");
            for (const auto& fault : faults) script.faults.push_back(read_fault(yaml, fault));
        }
        return script;
    } catch (const YamlProblem& problem) {
        return problem.fault;
    } catch (const YAML::Exception& error) {
        return Fault{std::string(file), error.msg, {}};
    }
}

Checked<ModelScript> ModelScript::load(const std::string& path) {
    auto text = read_text_file(path);
    if (!text) return text.error();
    return parse(*text, path);
}

}  // namespace parley::sim
