// What a tool file may say.
#include "declarations.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

constexpr double timeout_seconds_max = 60;
constexpr std::size_t spoken_bytes_max = 500;
constexpr double slow_after_ms_max = 30'000;
constexpr const char* confirm_default = "Is that right?";

const std::vector<std::string> tool_keys{
    "api",     "about",      "params", "timeout",           "say_if_slow",
    "confirm", "idempotent", "when",   "runs_after_hangup", "run"};

// The schema library compiles a pattern's regular expression anew at each check, which takes 100
// µs. The plain checks have looked at dates, times and phone numbers by then.
json::value without_patterns(const json::value& schema) {
    if (const auto* array = schema.if_array()) {
        json::array kept;
        for (const auto& item : *array) kept.push_back(without_patterns(item));
        return kept;
    }
    const auto* object = schema.if_object();
    if (object == nullptr) return schema;
    json::object kept;
    for (const auto& [key, value] : *object) {
        // A parameter may itself be called "pattern": then its value is an object.
        if ((key == "pattern" || key == "format") && value.is_string()) continue;
        kept.emplace(key, without_patterns(value));
    }
    return kept;
}

// "phrase" or { "phrase", after_ms = 1500 }
void read_say_if_slow(const FileCheck& check, const Tree& value, call::ToolOptions& options) {
    const int line = check.line_of_key("say_if_slow");
    const char* example =
        "write: say_if_slow = \"Let me look.\" or { \"Let me look.\", after_ms = 2000 }";
    const bool is_pair =
        value.kind == Tree::Kind::table && value.list.size() == 1 && !value.has_other_keys;
    const Tree& phrase = is_pair ? value.list.front() : value;
    if (phrase.kind != Tree::Kind::text) {
        check.fault(line,
                    fmt::format("`say_if_slow`: expected a phrase, found {}", phrase.describe()),
                    example);
        return;
    }
    if (trim(phrase.text).empty() || phrase.text.size() > spoken_bytes_max) {
        check.fault(
            line,
            fmt::format("`say_if_slow`: expected a phrase of 1 to {} characters", spoken_bytes_max),
            example);
    }
    options.slow_phrase = phrase.text;
    for (const auto& [key, after] : value.fields) {
        if (key != "after_ms") {
            check.fault(line, fmt::format("`say_if_slow`: unknown key `{}`", key),
                        mean(key, {"after_ms"}));
        } else if (after.kind != Tree::Kind::number ||
                   !(after.number >= 1 && after.number <= slow_after_ms_max)) {
            check.fault(line,
                        fmt::format("`after_ms`: expected milliseconds from 1 to {}, found {}",
                                    slow_after_ms_max, after.describe()));
        } else {
            options.slow_after = milliseconds(static_cast<std::int64_t>(after.number));
        }
    }
}

// true, or "Shall I book {date}?"
void read_confirm(const FileCheck& check, const Tree& value, ToolEntry& tool) {
    const int line = check.line_of_key("confirm");
    const char* example =
        "write: confirm = true, or a question for the caller such as \"Shall I book {date}?\"";
    if (value.kind == Tree::Kind::boolean) {
        if (value.truth) tool.options.confirm = confirm_default;
        return;
    }
    if (value.kind != Tree::Kind::text || trim(value.text).empty() ||
        value.text.size() > spoken_bytes_max) {
        check.fault(
            line, fmt::format("`confirm`: expected true or a question, found {}", value.describe()),
            example);
        return;
    }
    tool.options.confirm = value.text;
    std::vector<std::string> known;
    for (const auto& param : tool.params) known.push_back(param.name);
    for (const auto& name : names_in(value.text)) {
        if (std::find(known.begin(), known.end(), name) != known.end()) continue;
        const auto near = did_you_mean(name, known);
        check.fault(line, fmt::format("`confirm`: there is no argument {{{}}}", name),
                    near ? fmt::format("did you mean {{{}}}?", *near) : "name one of `params`");
    }
}

void read_options(const FileCheck& check, const Tree& spec, ToolEntry& tool) {
    if (const Tree* phrase = spec.find("say_if_slow"))
        read_say_if_slow(check, *phrase, tool.options);
    if (const Tree* confirm = spec.find("confirm")) read_confirm(check, *confirm, tool);
    tool.options.is_idempotent = flag_of(check, spec, "idempotent", false);
    tool.options.runs_after_hang_up = flag_of(check, spec, "runs_after_hangup", false);
    tool.has_when = function_of(check, spec, "when");
    const auto& options = tool.options;
    tool.has_options = !options.slow_phrase.empty() || !options.confirm.empty() ||
                       options.is_idempotent || options.runs_after_hang_up;
}

}  // namespace

std::optional<ToolEntry> read_tool(const FileCheck& check, const std::string& name,
                                   const Tree& tree) {
    const Tree* spec = spec_of(check, tree, "tool");
    if (spec == nullptr) return std::nullopt;
    const auto before = check.faults.size();
    check_keys(check, *spec, tool_keys);
    check_api(check, *spec);

    ToolEntry tool;
    tool.path = check.path;
    tool.about =
        text_of(check, *spec, "about", Need::required,
                "say in one sentence what the tool does: the model reads it", about_bytes_max);
    if (const Tree* params = spec->find("params")) {
        if (params->kind == Tree::Kind::table) {
            tool.params = read_params(check, *params, "params", check.line_of_key("params"));
        } else {
            check.fault(check.line_of_key("params"),
                        fmt::format("`params`: expected a table, found {}", params->describe()));
        }
    }
    if (const Tree* timeout = spec->find("timeout")) {
        if (timeout->kind == Tree::Kind::number && timeout->number > 0 &&
            timeout->number <= timeout_seconds_max) {
            tool.timeout = std::chrono::milliseconds(
                std::max<std::int64_t>(1, static_cast<std::int64_t>(timeout->number * 1000)));
        } else {
            check.fault(check.line_of_key("timeout"),
                        fmt::format("`timeout`: expected seconds up to {}, found {}",
                                    timeout_seconds_max, timeout->describe()));
        }
    }
    read_options(check, *spec, tool);
    if (!function_of(check, *spec, "run") && spec->find("run") == nullptr) {
        check.fault(1, "`run` is missing", "add: run = function(args, call) ... end");
    }
    if (check.faults.size() != before) return std::nullopt;

    json::object parameters = schema_of(tool.params);
    if (const auto whole = Schema::compile(parameters); whole.has_error()) {
        check.fault(check.line_of_key("params"), whole.error().what);
        return std::nullopt;
    }
    auto shape = Schema::compile(without_patterns(parameters));
    if (shape.has_error()) {
        check.fault(check.line_of_key("params"), shape.error().what);
        return std::nullopt;
    }
    tool.schema.emplace(std::move(*shape));
    tool.declaration = {{"type", "function"},
                        {"name", name},
                        {"description", tool.about},
                        {"parameters", std::move(parameters)}};
    return tool;
}

}  // namespace parley::script
