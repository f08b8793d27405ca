// json.* and text.*: small pure functions.
#include "bind.hpp"

#include <parley/core/text.hpp>

#include <cctype>

namespace parley::script {
namespace {

int encode(lua_State* L, Vm& vm, std::string& problem) {
    ReadLimits limits;
    limits.bytes_max = vm.limits().output_bytes_max;
    json::value value;
    if (!read_json(L, 1, limits, value, problem)) {
        problem = "json.encode: " + problem;
        return refused;
    }
    const std::string text = json::serialize(value);
    if (!vm.charge(L, text.size() * 10)) {
        problem = "stopped: json.encode, again and again";
        return refused;
    }
    lua_pushlstring(L, text.data(), text.size());
    return 1;
}

// json.decode(text) -> value | nil, problem
int decode(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "json.decode", problem);
    if (!text) return refused;
    if (!vm.charge(L, text->size() * 10)) {
        problem = "stopped: json.decode, again and again";
        return refused;
    }
    const bool is_short = text->size() <= 4 * vm.limits().output_bytes_max;
    const auto value = is_short ? json_read::parse(*text, value_depth_max) : std::nullopt;
    if (!value) {
        lua_pushnil(L);
        lua_createtable(L, 0, 3);
        lua_pushliteral(L, "mistake");
        lua_setfield(L, -2, "kind");
        lua_pushstring(L, is_short ? "this is not JSON" : "this JSON is too long");
        lua_setfield(L, -2, "message");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "retry");
        return 2;
    }
    push_json(L, *value);
    return 1;
}

int list(lua_State* L, Vm&, std::string& problem) {
    if (lua_isnoneornil(L, 1)) {
        lua_settop(L, 0);
        lua_newtable(L);
    } else if (lua_type(L, 1) != LUA_TTABLE) {
        problem = fmt::format("json.list: expected a table, found {}", describe(L, 1));
        return refused;
    }
    lua_settop(L, 1);
    mark_list(L);
    return 1;
}

int trimmed(lua_State* L, Vm&, std::string& problem) {
    const auto text = text_argument(L, 1, "text.trim", problem);
    if (!text) return refused;
    const auto kept = trim(*text);
    lua_pushlstring(L, kept.data(), kept.size());
    return 1;
}

// text.split("a, b", ",") -> {"a", "b"}: parts are trimmed; an empty text has no parts.
int split_text(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "text.split", problem);
    if (!text) return refused;
    std::string_view separator = ",";
    if (!lua_isnoneornil(L, 2)) {
        const auto given = text_argument(L, 2, "text.split: the separator", problem);
        if (!given) return refused;
        separator = *given;
    }
    if (separator.empty()) {
        problem = "text.split: the separator must not be empty";
        return refused;
    }
    if (!vm.charge(L, text->size() * 4)) {
        problem = "stopped: text.split of long texts, again and again";
        return refused;
    }
    lua_newtable(L);
    int count = 0;
    std::string_view rest = *text;
    while (!text->empty()) {
        const auto at = rest.find(separator);
        const auto part = trim(rest.substr(0, at));
        lua_pushlstring(L, part.data(), part.size());
        lua_rawseti(L, -2, ++count);
        if (at == std::string_view::npos) break;
        rest.remove_prefix(at + separator.size());
    }
    mark_list(L);
    return 1;
}

// text.spell("Jo Smith") -> "J-O, S-M-I-T-H", for reading a name back letter by letter.
int spell(lua_State* L, Vm&, std::string& problem) {
    const auto text = text_argument(L, 1, "text.spell", problem);
    if (!text) return refused;
    std::string spelled;
    bool starts_word = true;
    for (const char c : shortened(*text, 200)) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == ' ') {
            starts_word = true;
            continue;
        }
        if ((byte & 0xC0) != 0x80) {  // not in the middle of a UTF-8 character
            if (!spelled.empty()) spelled += starts_word ? ", " : "-";
            starts_word = false;
        }
        spelled += byte < 0x80 ? static_cast<char>(std::toupper(byte)) : c;
    }
    lua_pushlstring(L, spelled.data(), spelled.size());
    return 1;
}

}  // namespace

void add_value_functions(lua_State* L) {
    static constexpr Binding json_bindings[] = {
        {"encode", bound<encode>}, {"decode", bound<decode>}, {"list", bound<list>}};
    lua_newtable(L);
    set_functions(L, json_bindings);
    lua_pushlightuserdata(L, nullptr);
    lua_setfield(L, -2, "null");
    lua_setglobal(L, "json");

    static constexpr Binding text_bindings[] = {
        {"trim", bound<trimmed>}, {"split", bound<split_text>}, {"spell", bound<spell>}};
    lua_newtable(L);
    set_functions(L, text_bindings);
    add_text_functions(L);
    lua_setglobal(L, "text");
}

}  // namespace parley::script
