// text.*, as far as it is about speaking: spoken_text.cpp decides.
#include "bind.hpp"
#include "bundle.hpp"
#include "spoken_text.hpp"

#include <parley/core/text.hpp>

#include <algorithm>
#include <cmath>

namespace parley::script {
namespace {

constexpr std::size_t spoken_bytes_max = 200;
constexpr std::size_t template_bytes_max = 64 * 1024;
constexpr std::size_t text_bytes_max = 1024 * 1024;
constexpr double cents_max = 1e15;

// spoken_phone(number) -> text | nil, problem
int phone(lua_State* L, Vm&, std::string& problem) {
    const auto number = text_argument(L, 1, "text.spoken_phone", problem);
    if (!number) return refused;
    if (const auto spoken = spoken_phone(*number)) return give_text(L, *spoken);
    return push_problem(
        L, {"mistake", fmt::format("{} is not a phone number", describe(L, 1)), false});
}

int digits(lua_State* L, Vm&, std::string& problem) {
    const auto text = text_argument(L, 1, "text.digits", problem);
    return text ? give_text(L, spoken_digits(shortened(*text, spoken_bytes_max))) : refused;
}

// normalise_phone(number, country_code) -> "+15550100001" | nil, problem
int normalise(lua_State* L, Vm&, std::string& problem) {
    const auto number = text_argument(L, 1, "text.normalise_phone", problem);
    if (!number) return refused;
    std::string code = "1";
    if (!lua_isnoneornil(L, 2)) {
        const auto given = text_argument(L, 2, "text.normalise_phone: the country code", problem);
        if (!given) return refused;
        code = std::string(given->starts_with('+') ? given->substr(1) : *given);
        const bool is_code =
            !code.empty() && code.size() <= 3 && code[0] != '0' &&
            std::all_of(code.begin(), code.end(), [](char c) { return c >= '0' && c <= '9'; });
        if (!is_code) {
            problem = fmt::format(
                "text.normalise_phone: expected a country code such as \"1\" or \"49\", found {}",
                describe(L, 2));
            return refused;
        }
    }
    if (const auto normal = normal_phone(*number, code)) return give_text(L, *normal);
    return push_problem(
        L, {"mistake", fmt::format("{} is not a phone number", describe(L, 1)), false});
}

// money(cents, "USD") -> "12 dollars and 50 cents"
int money(lua_State* L, Vm&, std::string& problem) {
    const auto cents =
        number_argument(L, 1, "text.money: the cents", -cents_max, cents_max, problem);
    if (!cents) return refused;
    if (std::trunc(*cents) != *cents) {
        problem = fmt::format("text.money: expected whole cents, found {}", *cents);
        return refused;
    }
    std::string_view currency = "USD";
    if (!lua_isnoneornil(L, 2)) {
        const auto given = text_argument(L, 2, "text.money: the currency", problem);
        if (!given) return refused;
        currency = *given;
    }
    const auto spoken = spoken_money(static_cast<std::int64_t>(*cents), currency);
    if (!spoken) {
        problem = fmt::format(
            "text.money: unknown currency \"{}\"; there are USD, EUR, GBP, CAD, AUD, CHF and JPY",
            shortened(to_valid_utf8(currency), 20));
        return refused;
    }
    return give_text(L, *spoken);
}

// template("Hello {name}", { name = "Jo" })
int fill(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "text.template", problem);
    if (!text) return refused;
    if (text->size() > template_bytes_max) {
        problem =
            fmt::format("text.template: the text is longer than {} characters", template_bytes_max);
        return refused;
    }
    if (lua_type(L, 2) != LUA_TTABLE) {
        problem = fmt::format(
            "text.template: expected values such as {{ name = \"Jo\" }}, found {}", describe(L, 2));
        return refused;
    }
    json::value values;
    if (!read_json(L, 2, {}, values, problem)) {
        problem = "text.template: " + problem;
        return refused;
    }
    const json::object none;
    const json::object& known = values.is_object() ? values.get_object() : none;
    std::string unknown;
    const auto value_of = [&](std::string_view name) -> std::optional<std::string> {
        const auto* value = known.if_contains(name);
        return value == nullptr ? std::nullopt : shown(*value);
    };
    std::size_t size = text->size();
    for (const auto& name : names_in(*text)) {
        size += value_of(name).value_or("").size();
        if (size > text_bytes_max) break;  // each look at a long value copies it
    }
    if (size > text_bytes_max) {
        problem = fmt::format("text.template: the text would be longer than {} characters",
                              text_bytes_max);
        return refused;
    }
    const auto result = filled_template(*text, value_of, unknown);
    if (!result) {
        std::vector<std::string> names;
        for (const auto& [name, value] : known) names.emplace_back(name);
        const bool is_table = known.contains(unknown);
        const auto near = did_you_mean(unknown, names);
        problem =
            is_table ? fmt::format("text.template: {{{}}} is a table and cannot be put into a text",
                                   unknown)
                     : fmt::format("text.template: there is no value for {{{}}}{}", unknown,
                                   near ? fmt::format("; did you mean {{{}}}?", *near) : "");
        return refused;
    }
    if (!vm.charge(L, (text->size() + result->size()) * 10 + 1'000)) {
        problem = "stopped: text.template, again and again";
        return refused;
    }
    return give_text(L, *result);
}

}  // namespace

void add_text_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"spoken_phone", bound<phone>},
                                           {"digits", bound<digits>},
                                           {"normalise_phone", bound<normalise>},
                                           {"money", bound<money>},
                                           {"template", bound<fill>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
