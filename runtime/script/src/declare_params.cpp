// The parameters of a tool, as its file declares them.
#include "declarations.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <cmath>

namespace parley::script {
namespace {

std::optional<double> number_of(const FileCheck& check, int line, const Tree& spec, const char* key,
                                const std::string& name) {
    const Tree* value = spec.find(key);
    if (value == nullptr) return std::nullopt;
    if (value->kind == Tree::Kind::number && std::isfinite(value->number)) return value->number;
    check.fault(line, fmt::format("parameter `{}`: `{}`: expected a number, found {}", name, key,
                                  value->describe()));
    return std::nullopt;
}

std::optional<Param> read_param(const FileCheck& check, const std::string& name, const Tree& tree,
                                int line, bool is_item);

std::optional<Param> read_param(const FileCheck& check, const std::string& name, const Tree& tree,
                                int line, bool is_item) {
    const Tree* kind_found = tree.find("kind");
    const Tree* spec = tree.find("spec");
    const Tree* line_found = tree.find("line");
    if (kind_found == nullptr || spec == nullptr || !kind_found->text.starts_with("param.")) {
        check.fault(
            line,
            fmt::format("parameter `{}`: expected param.text {{ ... }} or another kind, found {}",
                        name, tree.describe()));
        return std::nullopt;
    }
    if (line_found != nullptr && line_found->number > 0)
        line = static_cast<int>(line_found->number);
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
        fault("the description is missing",
              "begin with a text for the model: param.text { \"what it is\" }");
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
            fault("the choices are missing",
                  "write: param.choice { \"what it is\", \"first\", \"second\" }");
    } else if (spec->list.size() > 1) {
        fault("more than one description");
    }

    if (const Tree* required = spec->find("required")) {
        if (required->kind == Tree::Kind::boolean) {
            param.is_required = required->truth;
        } else {
            fault(
                fmt::format("`required`: expected true or false, found {}", required->describe()));
        }
    }
    if (has_bounds) {
        param.min = number_of(check, line, *spec, "min", name);
        param.max = number_of(check, line, *spec, "max", name);
        if (param.min && param.max && *param.min > *param.max) fault("`min` is greater than `max`");
    }
    if (param.kind == Param::Kind::list) {
        if (const Tree* of = spec->find("of")) {
            if (auto item = read_param(check, name, *of, line, true))
                param.parts.push_back(std::move(*item));
        } else {
            fault("`of` is missing", "write: of = param.text {}");
        }
    }
    if (param.kind == Param::Kind::object) {
        if (const Tree* fields = spec->find("fields");
            fields != nullptr && fields->kind == Tree::Kind::table) {
            param.parts = read_params(check, *fields, fmt::format("parameter `{}`", name), line);
        } else {
            fault("`fields` is missing",
                  "write: fields = { name = param.text { \"what it is\" } }");
        }
    }
    if (const Tree* fallback = spec->find("default");
        fallback != nullptr && check.faults.size() == before) {
        param.default_value = to_json(*fallback);
        if (param.is_required) fault("`required` and `default` exclude each other");
        if (const auto problem = check_value(param, param.default_value); !problem.empty())
            fault(problem);
    }
    if (check.faults.size() != before) return std::nullopt;
    return param;
}

}  // namespace

std::vector<Param> read_params(const FileCheck& check, const Tree& table, const std::string& owner,
                               int line) {
    std::vector<Param> params;
    if (!table.list.empty() || table.has_other_keys) {
        check.fault(line, fmt::format("{}: a parameter without a name", owner),
                    "write: name = param.text { \"what it is\" }");
    }
    for (const auto& [name, tree] : table.fields) {
        if (!is_identifier(name)) {
            check.fault(line, fmt::format("{}: `{}` is not a name", owner, name),
                        "use letters, digits and _");
            continue;
        }
        if (auto param = read_param(check, name, tree, check.line_of_key(name), false))
            params.push_back(std::move(*param));
    }
    // In the order they are written, which is how people and models read them.
    std::stable_sort(params.begin(), params.end(),
                     [&](const Param& a, const Param& b) { return a.line < b.line; });
    return params;
}

}  // namespace parley::script
