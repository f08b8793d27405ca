#include "params.hpp"

#include <parley/core/text.hpp>
#include <parley/script/calendar.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace parley::script {
namespace {

using Kind = Param::Kind;

constexpr std::size_t problems_max = 8;  // a model needs no longer list
constexpr std::size_t default_text_max = 2'000;
constexpr std::size_t phone_digits_min = 3;
constexpr std::size_t phone_digits_max = 15;  // E.164
constexpr std::string_view time_pattern =
    "^(([01]?[0-9]|2[0-3]):[0-5][0-9]|(0?[1-9]|1[0-2])(:[0-5][0-9])? ?[AaPp]\\.? ?[Mm]\\.?)$";

constexpr std::array<std::pair<std::string_view, Kind>, 10> kinds{{{"text", Kind::text},
                                                                   {"integer", Kind::integer},
                                                                   {"number", Kind::number},
                                                                   {"yes_no", Kind::yes_no},
                                                                   {"date", Kind::date},
                                                                   {"time", Kind::time},
                                                                   {"phone", Kind::phone},
                                                                   {"choice", Kind::choice},
                                                                   {"list", Kind::list},
                                                                   {"object", Kind::object}}};

std::string found(const json::value& value) {
    switch (value.kind()) {
        case json::kind::null: return "nothing";
        case json::kind::string:
            return fmt::format("\"{}\"", shortened(std::string_view(value.get_string()), 60));
        case json::kind::array: return "a list";
        case json::kind::object: return "an object";
        default: return json::serialize(value);
    }
}

json::value plain_number(double number) {
    if (std::trunc(number) == number && std::abs(number) < 9e15)
        return static_cast<std::int64_t>(number);
    return number;
}

std::string number_text(double number) { return json::serialize(plain_number(number)); }

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

json::object schema_of_one(const Param& param);

void put_object(json::object& schema, const std::vector<Param>& params) {
    json::object properties;
    json::array required;
    for (const auto& param : params) {
        properties.emplace(param.name, schema_of_one(param));
        if (param.is_required) required.emplace_back(param.name);
    }
    schema["type"] = "object";
    schema["properties"] = std::move(properties);
    schema["required"] = std::move(required);
    schema["additionalProperties"] = false;
}

json::object schema_of_one(const Param& param) {
    json::object schema;
    const auto bounds = [&](const char* min_name, const char* max_name) {
        if (param.min) schema[min_name] = plain_number(*param.min);
        if (param.max) schema[max_name] = plain_number(*param.max);
    };
    switch (param.kind) {
        case Kind::text:
            schema["type"] = "string";
            bounds("minLength", "maxLength");
            break;
        case Kind::integer:
            schema["type"] = "integer";
            bounds("minimum", "maximum");
            break;
        case Kind::number:
            schema["type"] = "number";
            bounds("minimum", "maximum");
            break;
        case Kind::yes_no: schema["type"] = "boolean"; break;
        case Kind::date:
            schema["type"] = "string";
            schema["format"] = "date";
            schema["pattern"] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
            break;
        case Kind::time:
            schema["type"] = "string";
            schema["pattern"] = time_pattern;
            break;
        case Kind::phone:
            schema["type"] = "string";
            schema["pattern"] = "^\\+?[0-9 ().-]{3,30}$";
            break;
        case Kind::choice: {
            schema["type"] = "string";
            json::array choices;
            for (const auto& choice : param.choices) choices.emplace_back(choice);
            schema["enum"] = std::move(choices);
            break;
        }
        case Kind::list:
            schema["type"] = "array";
            schema["items"] = schema_of_one(param.parts.front());
            bounds("minItems", "maxItems");
            break;
        case Kind::object: put_object(schema, param.parts); break;
    }
    if (!param.about.empty()) schema["description"] = param.about;
    if (!param.default_value.is_null()) schema["default"] = param.default_value;
    return schema;
}

std::string bounds_problem(const Param& param, double size, std::string_view unit,
                           const json::value& value) {
    if (param.min && size < *param.min)
        return fmt::format("expected at least {}{}, found {}", number_text(*param.min), unit,
                           found(value));
    if (param.max && size > *param.max)
        return fmt::format("expected at most {}{}, found {}", number_text(*param.max), unit,
                           found(value));
    return {};
}

std::string phone_problem(std::string_view text) {
    std::size_t digits = 0;
    bool is_good = text.size() <= 30;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c >= '0' && c <= '9') {
            ++digits;
        } else if (!(c == '+' && i == 0) &&
                   std::string_view(" ().-").find(c) == std::string_view::npos) {
            is_good = false;
        }
    }
    if (is_good && digits >= phone_digits_min && digits <= phone_digits_max) return {};
    return fmt::format("expected a phone number like +15551234567, found \"{}\"",
                       shortened(text, 60));
}

void check_fields(const std::vector<Param>& params, const std::string& path,
                  json::object& arguments, std::vector<std::string>& problems);

// Checks `value` and brings it into the form scripts get.
void check_one(const Param& param, const std::string& path, json::value& value,
               std::vector<std::string>& problems) {
    const auto problem = [&](std::string what) {
        if (!what.empty()) problems.push_back(fmt::format("{}: {}", path, what));
    };
    const auto is_text = [&](std::string_view expected) {
        if (value.is_string()) return true;
        problem(fmt::format("expected {}, found {}", expected, found(value)));
        return false;
    };
    switch (param.kind) {
        case Kind::text: {
            if (!is_text("text")) return;
            const std::string_view text = value.get_string();
            const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
                return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
            });
            if (param.is_required && trim(text).empty())
                return problem("expected text, found \"\"");
            if (!param.max && text.size() > default_text_max)
                return problem(fmt::format("expected at most {} characters", default_text_max));
            return problem(
                bounds_problem(param, static_cast<double>(characters), " characters", value));
        }
        case Kind::integer:
        case Kind::number: {
            const char* expected = param.kind == Kind::integer ? "a whole number" : "a number";
            if (!value.is_number())
                return problem(fmt::format("expected {}, found {}", expected, found(value)));
            const double number = value.to_number<double>();
            if (param.kind == Kind::integer && std::trunc(number) != number)
                return problem(fmt::format("expected {}, found {}", expected, found(value)));
            return problem(bounds_problem(param, number, "", value));
        }
        case Kind::yes_no:
            if (!value.is_bool())
                problem(fmt::format("expected true or false, found {}", found(value)));
            return;
        case Kind::date: {
            if (!is_text("a date like 2026-12-01")) return;
            const std::string_view text = value.get_string();
            if (!looks_like_date(text))
                return problem(
                    fmt::format("expected a date like 2026-12-01, found {}", found(value)));
            if (!parse_date(text)) return problem(fmt::format("there is no day {}", text));
            return;
        }
        case Kind::time: {
            if (!is_text("a time like 14:30 or 2:30 PM")) return;
            const auto minutes = parse_time(std::string_view(value.get_string()));
            if (!minutes)
                return problem(
                    fmt::format("expected a time like 14:30 or 2:30 PM, found {}", found(value)));
            value = format_time(*minutes);
            return;
        }
        case Kind::phone:
            if (is_text("a phone number like +15551234567"))
                problem(phone_problem(std::string_view(value.get_string())));
            return;
        case Kind::choice: {
            if (value.is_string() &&
                std::find(param.choices.begin(), param.choices.end(),
                          std::string_view(value.get_string())) != param.choices.end())
                return;
            return problem(
                fmt::format("expected one of {}, found {}", joined(param.choices), found(value)));
        }
        case Kind::list: {
            auto* items = value.if_array();
            if (items == nullptr)
                return problem(fmt::format("expected a list, found {}", found(value)));
            for (std::size_t i = 0; i < items->size() && problems.size() < problems_max; ++i) {
                check_one(param.parts.front(), fmt::format("{}[{}]", path, i + 1), (*items)[i],
                          problems);
            }
            return problem(
                bounds_problem(param, static_cast<double>(items->size()), " items", value));
        }
        case Kind::object: {
            auto* fields = value.if_object();
            if (fields == nullptr)
                return problem(fmt::format("expected an object, found {}", found(value)));
            return check_fields(param.parts, path, *fields, problems);
        }
    }
}

void check_fields(const std::vector<Param>& params, const std::string& path,
                  json::object& arguments, std::vector<std::string>& problems) {
    std::vector<std::string> names;
    for (const auto& param : params) names.push_back(param.name);
    for (auto it = arguments.begin(); it != arguments.end() && problems.size() < problems_max;) {
        const std::string_view name = it->key();
        if (std::find(names.begin(), names.end(), name) == names.end()) {
            std::string what = fmt::format("{}{}: there is no such argument",
                                           path.empty() ? "" : path + ".", shortened(name, 60));
            if (const auto near = did_you_mean(name, names)) {
                what += fmt::format("; did you mean {}?", *near);
            } else {
                what += names.empty() ? "; none is expected"
                                      : fmt::format("; expected {}", joined(names));
            }
            problems.push_back(std::move(what));
            ++it;
        } else if (it->value().is_null()) {
            it = arguments.erase(it);  // null means absent
        } else {
            ++it;
        }
    }
    for (const auto& param : params) {
        if (problems.size() >= problems_max) return;
        const std::string full = path.empty() ? param.name : path + "." + param.name;
        if (auto* value = arguments.if_contains(param.name)) {
            check_one(param, full, *value, problems);
        } else if (!param.default_value.is_null()) {
            arguments[param.name] = param.default_value;
        } else if (param.is_required) {
            problems.push_back(param.about.empty()
                                   ? full + ": is required"
                                   : fmt::format("{}: is required: {}", full, param.about));
        }
    }
}

}  // namespace

std::optional<Param::Kind> param_kind(std::string_view word) {
    for (const auto& [name, kind] : kinds) {
        if (name == word) return kind;
    }
    return std::nullopt;
}

json::object schema_of(const std::vector<Param>& params) {
    json::object schema;
    put_object(schema, params);
    return schema;
}

std::vector<std::string> check_arguments(const std::vector<Param>& params,
                                         json::object& arguments) {
    std::vector<std::string> problems;
    check_fields(params, "", arguments, problems);
    return problems;
}

std::string check_value(const Param& param, json::value& value) {
    std::vector<std::string> problems;
    check_one(param, "default", value, problems);
    return problems.empty() ? std::string() : problems.front();
}

}  // namespace parley::script
