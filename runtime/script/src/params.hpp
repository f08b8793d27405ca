// params.hpp: a tool's parameters, declared once in Lua.
//
// One declaration gives the JSON Schema the model sees, the check of its arguments, and the
// messages it gets when they are wrong. Checking also fills in defaults and brings times of day
// into one form ("2:30 PM" -> "14:30").
#pragma once

#include <parley/core/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace parley::script {

struct Param {
    enum class Kind { text, integer, number, yes_no, date, time, phone, choice, list, object };
    std::string name;
    Kind kind = Kind::text;
    std::string about;
    bool is_required = false;
    json::value default_value;         // null: none
    std::optional<double> min, max;    // of the number, the text's length, or the list's
    std::vector<std::string> choices;  // of a choice
    std::vector<Param> parts;          // of an object: its fields; of a list: one, its items
    int line = 0;
};

std::optional<Param::Kind> param_kind(std::string_view word);  // "yes_no"

// {"type":"object","properties":...,"required":[...],"additionalProperties":false}
json::object schema_of(const std::vector<Param>& params);

// "date: expected a date like 2026-12-01, found \"next week\"". Empty when all is well; then
// `arguments` is as the script will see it: without nulls, with defaults, times as 14:30.
std::vector<std::string> check_arguments(const std::vector<Param>& params, json::object& arguments);
// One value alone, for the default in a declaration. Empty when it suits.
std::string check_value(const Param& param, json::value& value);

}  // namespace parley::script
