#include "bind.hpp"

#include <parley/core/text.hpp>

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

std::optional<std::string_view> text_argument(lua_State* L, int index, const char* what, std::string& problem) {
    if (lua_type(L, index) != LUA_TSTRING && lua_type(L, index) != LUA_TNUMBER) {
        problem = fmt::format("{}: expected text, found {}", what, describe(L, index));
        return std::nullopt;
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(L, index, &size);
    return std::string_view(text, size);
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
    if (quote_end == std::string_view::npos || kind == std::string_view::npos || !rest.ends_with(" value)"))
        return std::string(message);
    const std::string_view name = rest.substr(quote + 1, quote_end - quote - 1);
    const std::string_view type = rest.substr(kind + 4, rest.size() - kind - 4 - std::strlen(" value)"));
    std::string is = type == "nil" ? "nil" : fmt::format("a {}", type);
    if (verb == "index")
        return fmt::format("{}`{}` is {}, so it has no fields; check where it gets its value", place, name, is);
    if (verb == "call") return fmt::format("{}`{}` is {}, not a function; check the spelling", place, name, is);
    if (verb == "perform") return fmt::format("{}`{}` is {}, so it cannot be calculated with", place, name, is);
    if (verb == "concatenate") return fmt::format("{}`{}` is {}, so it cannot be joined to text", place, name, is);
    return std::string(message);
}

std::string without_own_frames(std::string_view traceback) {
    std::string kept;
    for (const auto line : split(traceback, '\n')) {
        const auto text = trim(line);
        if (text.empty() || text.starts_with("parley:") || text.starts_with("[C]") || text == "stack traceback:")
            continue;
        if (!kept.empty()) kept += " < ";
        kept += text;
    }
    return kept;
}

// ---- waiting ----------------------------------------------------------------------------------

bool may_wait(lua_State* L, Vm& vm, const char* function, std::string& problem) {
    const Run* run = vm.running();
    if (run != nullptr && run->may_wait && run->opening.empty()) {
        if (lua_isyieldable(L) != 0) return true;
        problem = fmt::format("{} cannot be used inside a sort or gsub function", function);
        return false;
    }
    if (run != nullptr && run->opening.empty() && vm.world().has_call) {
        problem = fmt::format("{} cannot be used in `when`, which may not wait; find it out in a hook and keep it in call.vars", function);
    } else {
        problem = fmt::format("{} cannot be used here: it waits, and this part of the file runs at loading; use it inside a function",
                              function);
    }
    return false;
}

bool may_ask(lua_State* L, Vm& vm, const char* function, std::string& problem) {
    if (!may_wait(L, vm, function, problem)) return false;
    const int queries_max = vm.limits().budgets.queries_max;
    if (++vm.running()->queries <= queries_max) return true;
    problem = fmt::format("{}: more than {} database calls in one run", function, queries_max);
    return false;
}

int push_problem(lua_State* L, const Trouble& trouble) {
    lua_pushnil(L);
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, trouble.kind.data(), trouble.kind.size());
    lua_setfield(L, -2, "kind");
    lua_pushlstring(L, trouble.message.data(), trouble.message.size());
    lua_setfield(L, -2, "message");
    lua_pushboolean(L, trouble.may_retry ? 1 : 0);
    lua_setfield(L, -2, "retry");
    return 2;
}

}  // namespace parley::script
