// table.*: what is left of it, with limits on what runs long without looking at the clock.
#include "bind.hpp"

#include <cmath>

namespace parley::script {
namespace {

constexpr std::size_t sort_items_max = 20'000;
constexpr std::size_t concat_items_max = 50'000;
constexpr std::size_t text_bytes_max = 1024 * 1024;

bool is_table(lua_State* L, const char* function, std::string& problem) {
    if (lua_type(L, 1) == LUA_TTABLE) return true;
    problem = fmt::format("{}: expected a table, found {}", function, describe(L, 1));
    return false;
}

int insert(lua_State* L, Vm& vm, std::string& problem) {
    if (!is_table(L, "table.insert", problem)) return refused;
    const auto size = static_cast<int>(lua_objlen(L, 1));
    int at = size + 1;
    if (lua_gettop(L) == 3) {
        if (lua_type(L, 2) != LUA_TNUMBER || lua_tonumber(L, 2) < 1 ||
            lua_tonumber(L, 2) > size + 1) {
            problem = fmt::format("table.insert: expected a position from 1 to {}, found {}",
                                  size + 1, describe(L, 2));
            return refused;
        }
        at = static_cast<int>(lua_tointeger(L, 2));
    } else if (lua_gettop(L) != 2) {
        problem = "table.insert: expected a table and a value, or a table, a position and a value";
        return refused;
    }
    for (int i = size; i >= at; --i) {
        lua_rawgeti(L, 1, i);
        lua_rawseti(L, 1, i + 1);
    }
    lua_rawseti(L, 1, at);
    if (!vm.charge(L, static_cast<std::uint64_t>(size - at + 1) * 4)) {
        problem = "stopped: table.insert at the front of a long list, again and again";
        return refused;
    }
    return 0;
}

int remove(lua_State* L, Vm& vm, std::string& problem) {
    if (!is_table(L, "table.remove", problem)) return refused;
    const auto size = static_cast<int>(lua_objlen(L, 1));
    if (size == 0) return 0;
    int at = size;
    if (lua_gettop(L) >= 2) {
        if (lua_type(L, 2) != LUA_TNUMBER) {
            problem = fmt::format("table.remove: expected a position, found {}", describe(L, 2));
            return refused;
        }
        at = static_cast<int>(lua_tointeger(L, 2));
        if (at < 1 || at > size) return 0;
    }
    lua_rawgeti(L, 1, at);
    for (int i = at; i < size; ++i) {
        lua_rawgeti(L, 1, i + 1);
        lua_rawseti(L, 1, i);
    }
    lua_pushnil(L);
    lua_rawseti(L, 1, size);
    if (!vm.charge(L, static_cast<std::uint64_t>(size - at) * 4)) {
        problem = "stopped: table.remove at the front of a long list, again and again";
        return refused;
    }
    return 1;
}

int concat(lua_State* L, Vm& vm, std::string& problem) {
    if (!is_table(L, "table.concat", problem)) return refused;
    std::string_view separator;
    if (!lua_isnoneornil(L, 2)) {
        const auto given = text_argument(L, 2, "table.concat: the separator", problem);
        if (!given) return refused;
        separator = *given;
    }
    const double first = lua_isnumber(L, 3) ? lua_tonumber(L, 3) : 1;
    const double last =
        lua_isnumber(L, 4) ? lua_tonumber(L, 4) : static_cast<double>(lua_objlen(L, 1));
    if (last - first >= static_cast<double>(concat_items_max)) {
        problem = fmt::format("table.concat: {} items are too many; the limit is {}",
                              last - first + 1, concat_items_max);
        return refused;
    }
    std::string joined;
    for (double i = first; i <= last; ++i) {
        lua_rawgeti(L, 1, static_cast<int>(i));
        if (lua_type(L, -1) != LUA_TSTRING && lua_type(L, -1) != LUA_TNUMBER) {
            problem =
                fmt::format("table.concat: item {} is {}; only text and numbers can be joined", i,
                            describe(L, -1));
            return refused;
        }
        std::size_t size = 0;
        // converts the copy on the stack, not the item
        const char* text = lua_tolstring(L, -1, &size);
        if (joined.size() + size + separator.size() > text_bytes_max) {
            problem = fmt::format("table.concat: the text would be longer than {} characters",
                                  text_bytes_max);
            return refused;
        }
        if (i > first) joined += separator;
        joined.append(text, size);
        lua_pop(L, 1);
    }
    if (!vm.charge(
            L, joined.size() + static_cast<std::uint64_t>(std::max(0.0, last - first + 1)) * 50)) {
        problem = "stopped: table.concat of long lists, again and again";
        return refused;
    }
    lua_pushlstring(L, joined.data(), joined.size());
    return 1;
}

// For the prelude: the number of items; refused when they cannot be sorted like this.
int check_sort(lua_State* L, Vm&, std::string& problem) {
    if (!is_table(L, "table.sort", problem)) return refused;
    const std::size_t size = lua_objlen(L, 1);
    if (size > sort_items_max) {
        problem =
            fmt::format("table.sort: {} items are too many; the limit is {}", size, sort_items_max);
        return refused;
    }
    if (!lua_isnoneornil(L, 2) && lua_type(L, 2) != LUA_TFUNCTION) {
        problem = fmt::format("table.sort: expected a function that compares two items, found {}",
                              describe(L, 2));
        return refused;
    }
    lua_pushnumber(L, static_cast<double>(size));
    return 1;
}

// Of a short list of numbers or texts; the prelude does the rest. A mixed list may have an item
// with a function __lt, which cannot yield.
int sort_plain(lua_State* L, Vm& vm, std::string& problem) {
    const std::size_t size = lua_objlen(L, 1);
    lua_settop(L, 1);
    lua_getfield(L, LUA_REGISTRYINDEX, "parley.sort");
    lua_insert(L, 1);
    if (!vm.enter_callback()) {
        problem = "functions call each other too deeply through table.sort";
        return refused;
    }
    const int status = lua_pcall(L, 1, 0, 0);
    vm.leave_callback();
    if (status != 0) return raised;
    const auto comparisons = static_cast<double>(size) * std::log2(static_cast<double>(size) + 1);
    if (!vm.charge(L, static_cast<std::uint64_t>(comparisons * 15))) {
        problem = "stopped: sorting long lists, again and again";
        return refused;
    }
    return 0;
}

}  // namespace

void add_table_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"concat", bound<concat>},
                                           {"insert", bound<insert>},
                                           {"remove", bound<remove>},
                                           {"sort", bound<sort_plain>}};
    set_functions(L, bindings);
}

void add_sort_check(lua_State* L) {
    static constexpr Binding bindings[] = {{"check_sort", bound<check_sort>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
