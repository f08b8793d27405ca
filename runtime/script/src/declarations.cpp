// What a script file returned, checked word by word.
#include "bundle.hpp"

#include <parley/core/text.hpp>

#include <array>
#include <cmath>

namespace parley::script {
namespace {

constexpr int api_current = 1;
constexpr double timeout_seconds_max = 60;
constexpr std::size_t about_bytes_max = 1'024;  // the models' limit for a description
constexpr std::size_t prompt_bytes_max = 64 * 1024;

const std::vector<std::string> tool_keys{"api", "about", "params", "timeout", "run"};
const std::vector<std::string> agent_keys{"api",   "name",  "greeting", "prompt",   "vars",   "tools",
                                          "voice", "model", "language", "on_start", "on_end", "check_vars"};

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_identifier(std::string_view name) {
    if (name.empty() || name.size() > 64 || (name[0] >= '0' && name[0] <= '9')) return false;
    return std::all_of(name.begin(), name.end(), is_word_char);
}

std::string mean(std::string_view word, const std::vector<std::string>& known) {
    if (const auto near = did_you_mean(word, known)) return fmt::format("did you mean `{}`?", *near);
    std::string all;
    for (const auto& one : known) all += (all.empty() ? "" : ", ") + one;
    return "known here: " + all;
}

void check_keys(const FileCheck& check, const Tree& spec, const std::vector<std::string>& known) {
    for (const auto& [key, value] : spec.fields) {
        if (std::find(known.begin(), known.end(), key) == known.end()) {
            check.fault(check.line_of_key(key), fmt::format("unknown key `{}`", key), mean(key, known));
        }
    }
    if (!spec.list.empty() || spec.has_other_keys)
        check.fault(1, "a value without a name stands in the table", "write: name = value");
}

void check_api(const FileCheck& check, const Tree& spec) {
    const Tree* api = spec.find("api");
    if (api == nullptr) {
        check.fault(1, "`api` is missing", "add: api = 1");
    } else if (api->kind != Tree::Kind::number || api->number != api_current) {
        check.fault(check.line_of_key("api"), fmt::format("expected api = {}, found {}", api_current, api->describe()),
                    "this runtime knows version 1 of the file format");
    }
}

// The text under `key`; faults for another kind, and when it is missing though required.
enum class Need { optional, required };
std::string text_of(const FileCheck& check, const Tree& spec, const char* key, Need need, const char* remedy,
                    std::size_t bytes_max) {
    const Tree* value = spec.find(key);
    if (value == nullptr) {
        if (need == Need::required) check.fault(1, fmt::format("`{}` is missing", key), remedy);
        return {};
    }
    if (value->kind != Tree::Kind::text) {
        check.fault(check.line_of_key(key), fmt::format("`{}`: expected text, found {}", key, value->describe()));
        return {};
    }
    if (need == Need::required && trim(value->text).empty())
        check.fault(check.line_of_key(key), fmt::format("`{}` is empty", key), remedy);
    if (value->text.size() > bytes_max)
        check.fault(check.line_of_key(key), fmt::format("`{}` is longer than {} characters", key, bytes_max));
    return value->text;
}

bool function_of(const FileCheck& check, const Tree& spec, const char* key) {
    const Tree* value = spec.find(key);
    if (value == nullptr) return false;
    if (value->kind == Tree::Kind::function) return true;
    check.fault(check.line_of_key(key), fmt::format("`{}`: expected a function, found {}", key, value->describe()));
    return false;
}

// The spec of `agent { ... }`, `tool { ... }`; faults when the file returned something else.
const Tree* spec_of(const FileCheck& check, const Tree& tree, std::string_view kind) {
    const Tree* found = tree.find("kind");
    const Tree* spec = tree.find("spec");
    if (found != nullptr && spec != nullptr && found->text == kind) return spec;
    check.fault(1, fmt::format("the file does not return {} {}", kind == "agent" ? "an" : "a", kind),
                fmt::format("begin with: return {} {{", kind));
    return nullptr;
}

// The schema library compiles a pattern's regular expression anew at each check, which takes 100 µs. The plain checks
// have looked at dates, times and phone numbers by then.
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

std::optional<double> number_of(const FileCheck& check, int line, const Tree& spec, const char* key,
                                const std::string& name) {
    const Tree* value = spec.find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind == Tree::Kind::number && std::isfinite(value->number)) return value->number;
    check.fault(line, fmt::format("parameter `{}`: `{}`: expected a number, found {}", name, key, value->describe()));
    return std::nullopt;
}

std::optional<Param> read_param(const FileCheck& check, const std::string& name, const Tree& tree, int line,
                                bool is_item);

std::vector<Param> read_params(const FileCheck& check, const Tree& table, const std::string& owner, int line) {
    std::vector<Param> params;
    if (!table.list.empty() || table.has_other_keys) {
        check.fault(line, fmt::format("{}: a parameter without a name", owner),
                    "write: name = param.text { \"what it is\" }");
    }
    for (const auto& [name, tree] : table.fields) {
        if (!is_identifier(name)) {
            check.fault(line, fmt::format("{}: `{}` is not a name", owner, name), "use letters, digits and _");
            continue;
        }
        if (auto param = read_param(check, name, tree, check.line_of_key(name), false))
            params.push_back(std::move(*param));
    }
    // In the order they are written, which is how people and models read them.
    std::stable_sort(params.begin(), params.end(), [&](const Param& a, const Param& b) { return a.line < b.line; });
    return params;
}

std::optional<Param> read_param(const FileCheck& check, const std::string& name, const Tree& tree, int line,
                                bool is_item) {
    const Tree* kind_found = tree.find("kind");
    const Tree* spec = tree.find("spec");
    const Tree* line_found = tree.find("line");
    if (kind_found == nullptr || spec == nullptr || !kind_found->text.starts_with("param.")) {
        check.fault(line, fmt::format("parameter `{}`: expected param.text {{ ... }} or another kind, found {}", name,
                                      tree.describe()));
        return std::nullopt;
    }
    if (line_found != nullptr && line_found->number > 0) line = static_cast<int>(line_found->number);
    const auto before = check.faults.size();
    const auto fault = [&](std::string what, std::string remedy = {}) {
        check.fault(line, fmt::format("parameter `{}`: {}", name, what), std::move(remedy));
    };

    Param param;
    param.name = name;
    param.line = line;
    param.kind = *param_kind(std::string_view(kind_found->text).substr(6));

    std::vector<std::string> known{"required", "default"};
    const bool has_bounds = param.kind == Param::Kind::text || param.kind == Param::Kind::integer ||
                            param.kind == Param::Kind::number || param.kind == Param::Kind::list;
    if (has_bounds) known.insert(known.end(), {"min", "max"});
    if (param.kind == Param::Kind::list) known.emplace_back("of");
    if (param.kind == Param::Kind::object) known.emplace_back("fields");
    for (const auto& [key, value] : spec->fields) {
        if (std::find(known.begin(), known.end(), key) == known.end())
            fault(fmt::format("unknown key `{}`", key), mean(key, known));
    }

    if (!spec->list.empty() && spec->list.front().kind == Tree::Kind::text) {
        param.about = spec->list.front().text;
        if (param.about.size() > about_bytes_max)
            fault(fmt::format("the description is longer than {} characters", about_bytes_max));
    } else if (!is_item) {
        fault("the description is missing", "begin with a text for the model: param.text { \"what it is\" }");
    }
    if (param.kind == Param::Kind::choice) {
        for (std::size_t i = 1; i < spec->list.size(); ++i) {
            if (spec->list[i].kind == Tree::Kind::text) {
                param.choices.push_back(spec->list[i].text);
            } else {
                fault(fmt::format("a choice must be text, found {}", spec->list[i].describe()));
            }
        }
        if (param.choices.empty())
            fault("the choices are missing", "write: param.choice { \"what it is\", \"first\", \"second\" }");
    } else if (spec->list.size() > 1) {
        fault("more than one description");
    }

    if (const Tree* required = spec->find("required")) {
        if (required->kind == Tree::Kind::boolean) {
            param.is_required = required->truth;
        } else {
            fault(fmt::format("`required`: expected true or false, found {}", required->describe()));
        }
    }
    if (has_bounds) {
        param.min = number_of(check, line, *spec, "min", name);
        param.max = number_of(check, line, *spec, "max", name);
        if (param.min && param.max && *param.min > *param.max) fault("`min` is greater than `max`");
    }
    if (param.kind == Param::Kind::list) {
        if (const Tree* of = spec->find("of")) {
            if (auto item = read_param(check, name, *of, line, true)) param.parts.push_back(std::move(*item));
        } else {
            fault("`of` is missing", "write: of = param.text {}");
        }
    }
    if (param.kind == Param::Kind::object) {
        if (const Tree* fields = spec->find("fields"); fields != nullptr && fields->kind == Tree::Kind::table) {
            param.parts = read_params(check, *fields, fmt::format("parameter `{}`", name), line);
        } else {
            fault("`fields` is missing", "write: fields = { name = param.text { \"what it is\" } }");
        }
    }
    if (const Tree* fallback = spec->find("default"); fallback != nullptr && check.faults.size() == before) {
        param.default_value = to_json(*fallback);
        if (param.is_required) fault("`required` and `default` exclude each other");
        if (const auto problem = check_value(param, param.default_value); !problem.empty()) fault(problem);
    }
    if (check.faults.size() != before) return std::nullopt;
    return param;
}

}  // namespace

// ---- places in a file -------------------------------------------------------------------------

void FileCheck::fault(int line, std::string what, std::string remedy) const {
    faults.push_back({fmt::format("{}:{}", path, line), std::move(what), std::move(remedy)});
}

int FileCheck::line_of_key(std::string_view key) const {
    int number = 0;
    for (const auto line : split(source, '\n')) {
        ++number;
        if (trim(line).starts_with("--")) continue;
        for (auto at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
            if (at > 0 && (is_word_char(line[at - 1]) || line[at - 1] == '.')) continue;
            const auto rest = trim(line.substr(at + key.size()));
            if (at + key.size() < line.size() && is_word_char(line[at + key.size()])) continue;
            if (rest.starts_with('=') && !rest.starts_with("==")) return number;
        }
    }
    return 1;
}

int FileCheck::line_of_text(std::string_view text) const {
    const auto at = source.find(text);
    if (at == std::string::npos) return 1;
    return 1 + static_cast<int>(std::count(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
}

// ---- tools ------------------------------------------------------------------------------------

std::optional<ToolEntry> read_tool(const FileCheck& check, const std::string& name, const Tree& tree) {
    const Tree* spec = spec_of(check, tree, "tool");
    if (spec == nullptr) return std::nullopt;
    const auto before = check.faults.size();
    check_keys(check, *spec, tool_keys);
    check_api(check, *spec);

    ToolEntry tool;
    tool.path = check.path;
    tool.about = text_of(check, *spec, "about", Need::required,
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
        if (timeout->kind == Tree::Kind::number && timeout->number > 0 && timeout->number <= timeout_seconds_max) {
            tool.timeout =
                std::chrono::milliseconds(std::max<std::int64_t>(1, static_cast<std::int64_t>(timeout->number * 1000)));
        } else {
            check.fault(check.line_of_key("timeout"), fmt::format("`timeout`: expected seconds up to {}, found {}",
                                                                  timeout_seconds_max, timeout->describe()));
        }
    }
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
    tool.declaration = {
        {"type", "function"}, {"name", name}, {"description", tool.about}, {"parameters", std::move(parameters)}};
    return tool;
}

// ---- agents -----------------------------------------------------------------------------------

std::optional<AgentEntry> read_agent(const FileCheck& check, const std::string& name, const Tree& tree) {
    const Tree* spec = spec_of(check, tree, "agent");
    if (spec == nullptr) return std::nullopt;
    const auto before = check.faults.size();
    check_keys(check, *spec, agent_keys);
    check_api(check, *spec);

    AgentEntry agent;
    agent.path = check.path;
    agent.name = text_of(check, *spec, "name", Need::optional, "", 200);
    if (agent.name.empty()) agent.name = name;
    agent.prompt =
        text_of(check, *spec, "prompt", Need::required, "say who the agent is and how it works", prompt_bytes_max);
    agent.greeting = text_of(check, *spec, "greeting", Need::optional, "", 2'000);
    agent.voice = text_of(check, *spec, "voice", Need::optional, "", 100);
    agent.model = text_of(check, *spec, "model", Need::optional, "", 100);
    agent.language = text_of(check, *spec, "language", Need::optional, "", 35);
    agent.has_on_start = function_of(check, *spec, "on_start");
    agent.has_on_end = function_of(check, *spec, "on_end");
    agent.has_check_vars = function_of(check, *spec, "check_vars");

    if (const Tree* vars = spec->find("vars")) {
        if (vars->kind != Tree::Kind::table || !vars->list.empty() || vars->has_other_keys) {
            check.fault(check.line_of_key("vars"), "`vars`: expected names and values",
                        "write: vars = { clinic = \"Smile Dental\" }");
        } else {
            for (const auto& [key, value] : vars->fields) {
                if (!is_identifier(key)) {
                    check.fault(check.line_of_key("vars"), fmt::format("var `{}` is not a name", key),
                                "use letters, digits and _");
                } else if (is_always_known(key)) {
                    check.fault(check.line_of_key(key),
                                fmt::format("var `{}` has a name that the runtime fills in itself", key),
                                "choose another name");
                } else if (value.kind == Tree::Kind::function) {
                    check.fault(
                        check.line_of_key(key),
                        fmt::format("var `{}`: expected text, a number, true, false or a table, found a function",
                                    key));
                } else {
                    agent.vars.emplace(key, to_json(value));
                }
            }
        }
    }
    if (const Tree* tools = spec->find("tools")) {
        if (tools->kind != Tree::Kind::table || !tools->fields.empty() || tools->has_other_keys) {
            check.fault(check.line_of_key("tools"), "`tools`: expected a list of names",
                        "write: tools = { \"check_slots\" }");
        } else {
            for (const auto& item : tools->list) {
                if (item.kind != Tree::Kind::text) {
                    check.fault(check.line_of_key("tools"),
                                fmt::format("`tools`: expected the name of a tool, found {}", item.describe()));
                } else if (std::find(agent.tools.begin(), agent.tools.end(), item.text) != agent.tools.end()) {
                    check.fault(check.line_of_key("tools"), fmt::format("tool \"{}\" is listed twice", item.text));
                } else {
                    agent.tools.push_back(item.text);
                }
            }
        }
    }
    if (check.faults.size() != before) return std::nullopt;
    return agent;
}

}  // namespace parley::script
