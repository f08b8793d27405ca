// The C++ side of the test prelude: asking the host, showing values, names for a test.
#include "bind.hpp"
#include "test_prelude.hpp"

#include <parley/core/text.hpp>

namespace parley::script {
namespace {

constexpr std::size_t shown_bytes_max = 220;  // an error has room for two

// ask(what, arguments): yields until the host has answered.
int ask_host(lua_State* L, Vm& vm, std::string& problem) {
    const auto what = text_argument(L, 1, "ask", problem);
    if (!what) return refused;
    Run* run = vm.running();
    if (run == nullptr || !run->may_wait || !run->opening.empty()) {
        problem = fmt::format(
            "{} cannot be used here; use it inside it(\"...\", function() ... end)", *what);
        return refused;
    }
    if (lua_isyieldable(L) == 0) {
        problem = fmt::format(
            "{} cannot be used inside a function that cannot wait, such as __tostring", *what);
        return refused;
    }
    HostRequest request{std::string(*what), nullptr};
    if (!read_json(L, 2, {}, request.arguments, problem)) {
        problem = fmt::format("{}: {}", *what, problem);
        return refused;
    }
    run->request = std::move(request);
    return lua_yield(L, 0);
}

// told(): the host's answer; raises where it is a Fault.
int told(lua_State* L, Vm& vm, std::string& problem) {
    Answer& answer = vm.running()->answer;
    if (auto* value = std::get_if<Checked<json::value>>(&answer)) {
        if (value->has_value()) {
            push_json(L, **value);
            return 1;
        }
        problem = value->error().text();
        return refused;
    }
    problem = "the host gave no answer";
    return refused;
}

// show(value): for messages.
int show(lua_State* L, Vm&, std::string&) {
    json::value value;
    std::string ignored;
    std::string text;
    if (lua_isnoneornil(L, 1)) {
        text = "nothing";
    } else if (read_json(L, 1, {}, value, ignored)) {
        text = shortened(json::serialize(value), shown_bytes_max);
    } else {
        text = describe(L, 1);
    }
    lua_pushlstring(L, text.data(), text.size());
    return 1;
}

int unknown_method(lua_State* L, Vm&, std::string& problem) {
    const std::string name = lua_tostring(L, 1);
    std::vector<std::string> known{"never"};
    for (int i = 1; i <= static_cast<int>(lua_objlen(L, 2)); ++i) {
        lua_rawgeti(L, 2, i);
        known.emplace_back(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    problem = fmt::format("expect(...) has no `{}`", name);
    if (const auto meant = did_you_mean(name, known))
        problem += fmt::format("; did you mean `{}`?", *meant);
    return refused;
}

}  // namespace

void add_tests(lua_State* L, const std::string& bytecode) {
    // ... host, entries
    const int host = lua_gettop(L) - 1;
    static constexpr Binding bindings[] = {
        {"ask", bound<ask_host>},
        {"told", bound<told>},
        {"show", bound<show>},
        {"unknown_method", bound<unknown_method>},
    };
    lua_pushvalue(L, host);
    set_functions(L, bindings);
    lua_pop(L, 1);
    if (luaL_loadbufferx(L, bytecode.data(), bytecode.size(), "=parley", "b") != 0) lua_error(L);
    lua_pushvalue(L, host);
    lua_pushvalue(L, host + 1);
    lua_call(L, 2, 1);
    for (lua_pushnil(L); lua_next(L, -2) != 0;) {
        lua_pushvalue(L, -2);  // name, value, name
        lua_insert(L, -2);     // name, name, value
        lua_rawset(L, LUA_GLOBALSINDEX);
    }
    lua_pop(L, 1);
}

}  // namespace parley::script
