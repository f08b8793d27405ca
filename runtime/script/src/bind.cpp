#include "bind.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {

void push_where(lua_State* L) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame) != 0; ++level) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline > 0 && std::string_view(frame.short_src) != prelude_path) {
            lua_pushfstring(L, "%s:%d: ", frame.short_src, frame.currentline);
            return;
        }
    }
    // `return f(x)` leaves no frame behind: the file is all that is known.
    const Run* run = Vm::of(L).running();
    lua_pushfstring(L, run == nullptr ? "%s" : "%s: ", run == nullptr ? "" : run->what.c_str());
}

int raise(lua_State* L, const char* text) {
    push_where(L);
    lua_pushstring(L, text);
    lua_concat(L, 2);
    return lua_error(L);
}

int raise_again(lua_State* L) {
    if (lua_type(L, -1) == LUA_TSTRING && std::strstr(lua_tostring(L, -1), ".lua:") == nullptr) {
        push_where(L);
        lua_insert(L, -2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

void set_functions(lua_State* L, std::span<const Binding> bindings) {
    for (const auto& binding : bindings) {
        lua_pushcfunction(L, binding.function);
        lua_setfield(L, -2, binding.name);
    }
}

std::string describe(lua_State* L, int index) {
    switch (lua_type(L, index)) {
        case LUA_TNONE:
        case LUA_TNIL: return "nothing";
        case LUA_TBOOLEAN: return lua_toboolean(L, index) != 0 ? "true" : "false";
        case LUA_TNUMBER: return fmt::format("the number {}", lua_tonumber(L, index));
        case LUA_TSTRING: {
            std::size_t size = 0;
            const char* text = lua_tolstring(L, index, &size);
            return fmt::format("\"{}\"", shortened({text, size}, 40));
        }
        default: return fmt::format("a {}", lua_typename(L, lua_type(L, index)));
    }
}

std::optional<std::string_view> text_argument(lua_State* L, int index, const char* what,
                                              std::string& problem) {
    if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER) {
        problem = fmt::format("{}: expected text, found {}", what, describe(L, index));
        return std::nullopt;
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(L, index, &size);
    return std::string_view(text, size);
}

std::optional<double> number_argument(lua_State* L, int index, const char* what, double min,
                                      double max, std::string& problem) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        const double number = lua_tonumber(L, index);
        if (number >= min && number <= max) return number;
    }
    problem = fmt::format("{}: expected a number from {} to {}, found {}", what, min, max,
                          describe(L, index));
    return std::nullopt;
}

std::optional<json::object> options_argument(lua_State* L, int index, const char* function,
                                             std::span<const std::string_view> known,
                                             std::string& problem, std::size_t bytes_max) {
    if (lua_isnoneornil(L, index)) return json::object();
    std::string list;
    for (const auto name : known) list += fmt::format("{}{}", list.empty() ? "" : ", ", name);
    if (lua_type(L, index) != LUA_TTABLE) {
        problem = fmt::format("{}: expected options such as {{ {} = ... }}, found {}", function,
                              known.front(), describe(L, index));
        return std::nullopt;
    }
    ReadLimits limits;
    limits.bytes_max = bytes_max;
    json::value value;
    if (!read_json(L, index, limits, value, problem)) {
        problem = fmt::format("{}: options: {}", function, problem);
        return std::nullopt;
    }
    if (value.is_array()) {
        problem = fmt::format("{}: expected options by name ({}), found a list", function, list);
        return std::nullopt;
    }
    const std::vector<std::string> names(known.begin(), known.end());
    for (const auto& [name, option] : value.get_object()) {
        if (std::find(names.begin(), names.end(), std::string_view(name)) != names.end()) continue;
        const auto near = did_you_mean(name, names);
        problem =
            fmt::format("{}: unknown option `{}`; {}", function, std::string_view(name),
                        near ? fmt::format("did you mean `{}`?", *near) : "there are: " + list);
        return std::nullopt;
    }
    return std::move(value.get_object());
}

int give_text(lua_State* L, std::string_view text) {
    lua_pushlstring(L, text.data(), text.size());
    return 1;
}

std::string in_plain_words(std::string_view message) {
    const auto begin = message.find("attempt to ");
    if (begin == std::string_view::npos) return std::string(message);
    const std::string_view place = message.substr(0, begin);
    std::string_view rest = message.substr(begin + std::strlen("attempt to "));
    const auto verb_end = rest.find(' ');
    if (verb_end == std::string_view::npos) return std::string(message);
    const std::string_view verb = rest.substr(0, verb_end);
    // "index local 'reply' (a nil value)"
    const auto quote = rest.find('\'');
    const auto quote_end = quote == std::string_view::npos ? quote : rest.find('\'', quote + 1);
    const auto kind = rest.rfind(" (a ");
    if (quote_end == std::string_view::npos || kind == std::string_view::npos ||
        !rest.ends_with(" value)"))
        return std::string(message);
    const std::string_view name = rest.substr(quote + 1, quote_end - quote - 1);
    const std::string_view type =
        rest.substr(kind + 4, rest.size() - kind - 4 - std::strlen(" value)"));
    std::string is = type == "nil" ? "nil" : fmt::format("a {}", type);
    if (verb == "index")
        return fmt::format("{}`{}` is {}, so it has no fields; check where it gets its value",
                           place, name, is);
    if (verb == "call")
        return fmt::format("{}`{}` is {}, not a function; check the spelling", place, name, is);
    if (verb == "perform")
        return fmt::format("{}`{}` is {}, so it cannot be calculated with", place, name, is);
    if (verb == "concatenate")
        return fmt::format("{}`{}` is {}, so it cannot be joined to text", place, name, is);
    return std::string(message);
}

std::string without_own_frames(std::string_view traceback) {
    std::string kept;
    for (const auto line : split(traceback, '\n')) {
        const auto text = trim(line);
        if (text.empty() || text.starts_with("parley:") || text.starts_with("[C]") ||
            text == "stack traceback:")
            continue;
        if (!kept.empty()) kept += " < ";
        kept += text;
    }
    return kept;
}

// ---- waiting ----------------------------------------------------------------------------------

}  // namespace parley::script
