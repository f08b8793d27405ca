// The world a script sees. Only what is named here exists: no io, os, debug, ffi, jit, package,
// coroutine; no load, no fenv, no collectgarbage, no newproxy (its __gc would run with the hook
// off).
#include "bind.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

namespace parley::script {
namespace {

// pcall and xpcall are wrapped by the prelude.
constexpr std::array base_names{"assert", "error",        "getmetatable", "ipairs", "next",
                                "pairs",  "pcall",        "rawequal",     "rawget", "rawset",
                                "select", "setmetatable", "tostring",     "type",   "unpack"};
constexpr std::array string_names{"byte", "char", "len", "sub"};
// tonumber reads its whole text without looking at the clock
constexpr std::size_t number_text_max = 1'000;

int to_number(lua_State* L, Vm&, std::string& problem) {
    if (lua_gettop(L) == 0) {
        problem = "tonumber: expected a value";
        return refused;
    }
    if (lua_type(L, 1) == LUA_TSTRING && lua_objlen(L, 1) > number_text_max) {
        lua_pushnil(L);
        return 1;
    }
    const int arguments = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    if (lua_pcall(L, arguments, 1, 0) != 0) return raised;
    return 1;
}

int print(lua_State* L, Vm& vm, std::string&) {
    std::string line;
    for (int i = 1; i <= lua_gettop(L); ++i) {
        if (i > 1) line += ' ';
        std::size_t size = 0;
        if (lua_type(L, i) == LUA_TSTRING) {
            const char* text = lua_tolstring(L, i, &size);
            line += shortened({text, size}, 1'000);
        } else if (lua_type(L, i) == LUA_TNUMBER) {
            line += fmt::format("{}", lua_tonumber(L, i));
        } else {
            line += lua_isnoneornil(L, i) ? "nil" : describe(L, i);
        }
        if (line.size() > 2'000) break;
    }
    Run* run = vm.running();
    if (run == nullptr || !vm.world().has_call ||
        ++run->used.log_lines > vm.limits().budgets.log_lines_max)
        return 0;
    log::info(
        "script.print",
        {{"call", vm.world().call_sid}, {"script", run->what}, {"text", to_valid_utf8(line)}});
    return 0;
}

void open(lua_State* L, int (*library)(lua_State*), const char* name) {
    lua_pushcfunction(L, library);
    lua_pushstring(L, name);
    lua_call(L, 1, 0);
}

// Copies `names` from the table on top to the one below it.
template <class Names>
void copy(lua_State* L, const Names& names) {
    for (const char* name : names) {
        lua_getfield(L, -1, name);
        lua_setfield(L, -3, name);
    }
}

}  // namespace

void add_sandbox(lua_State* L, std::uint64_t seed) {
    open(L, luaopen_base, "");
    open(L, luaopen_math, LUA_MATHLIBNAME);
    open(L, luaopen_string, LUA_STRLIBNAME);
    open(L, luaopen_table, LUA_TABLIBNAME);
    open(L, luaopen_bit, "bit");

    lua_getglobal(L, "math");
    lua_getfield(L, -1, "randomseed");
    lua_pushnumber(L, static_cast<double>(seed >> 11));
    lua_call(L, 1, 0);
    lua_pushnil(L);
    lua_setfield(L, -2, "randomseed");
    lua_pop(L, 1);

    lua_newtable(L);  // the globals of the scripts
    lua_pushvalue(L, LUA_GLOBALSINDEX);
    copy(L, base_names);
    for (const char* name : {"math", "bit"}) {
        lua_getfield(L, -1, name);
        lua_setfield(L, -3, name);
    }
    lua_getfield(L, -1, "tonumber");
    lua_pushcclosure(L, bound<to_number>, 1);
    lua_setfield(L, -3, "tonumber");

    lua_createtable(L, 0, 16);  // string
    lua_getfield(L, -2, "string");
    copy(L, string_names);
    lua_getfield(L, -1, "format");  // the original, as upvalue of the metered one
    lua_insert(L, -2);
    lua_pop(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "parley.format");
    add_string_functions(L);
    lua_setfield(L, -3, "string");

    lua_createtable(L, 0, 8);  // table
    lua_getfield(L, -2, "table");
    lua_getfield(L, -1, "sort");
    lua_setfield(L, LUA_REGISTRYINDEX, "parley.sort");
    lua_pop(L, 1);
    add_table_functions(L);
    lua_setfield(L, -3, "table");
    lua_pop(L, 1);

    lua_pushcfunction(L, bound<print>);
    lua_setfield(L, -2, "print");

    // ("x"):upper() goes through the metatable that all texts share: ours, and closed.
    lua_pushliteral(L, "");
    lua_createtable(L, 0, 2);
    lua_getfield(L, -3, "string");
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_pop(L, 1);

    // The libraries' own tables must not stay reachable.
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "_LOADED");
    lua_pushnil(L);
    lua_setfield(L, LUA_REGISTRYINDEX, "_PRELOAD");
    lua_replace(L, LUA_GLOBALSINDEX);
}

}  // namespace parley::script
