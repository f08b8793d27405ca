// bind.hpp: how functions of ours are made visible to Lua.
//
// A bound function reads its arguments into C++ values, does its work without Lua, and pushes the result. What goes
// wrong is a text in `problem` and refused(); only the wrapper raises, after every C++ object is gone. Exceptions
// stop at the wrapper; Lua's own errors ("not enough memory") pass through it, which on x86-64 runs destructors.
#pragma once

#include "vm.hpp"

#include <lua.hpp>

#include <cstring>
#include <exception>
#include <string>
#include <string_view>

namespace parley::script {

constexpr int refused = -2;  // `problem` holds why
constexpr int raised = -3;   // the error lies on top of the stack
constexpr int waits = -1;    // what lua_yield returns

// "tools/x.lua:17: " of the innermost frame that people wrote, or "tools/x.lua: "; pushes it.
void push_where(lua_State* L);
// Raises `text` with the place in the script.
int raise(lua_State* L, const char* text);
// Raises the error on top of the stack, with the place in the script if it has none.
int raise_again(lua_State* L);

template <int (*body)(lua_State*, Vm&, std::string&)>
int bound(lua_State* L) {
    char text[600];
    {
        std::string problem;
        int results = refused;
        try {
            results = body(L, Vm::of(L), problem);
        } catch (const std::exception& error) {
            problem = error.what();
        }
        if (results >= 0 || results == waits) return results;
        if (results == raised) {
            text[0] = '\0';
        } else {
            const std::size_t size = std::min(problem.size(), sizeof text - 1);
            std::memcpy(text, problem.data(), size);
            text[size] = '\0';
        }
    }
    return text[0] == '\0' ? raise_again(L) : raise(L, text);
}

struct Binding {
    const char* name;
    int (*function)(lua_State*);
};
// Sets functions in the table on top of the stack.
void set_functions(lua_State* L, std::span<const Binding> bindings);

// The text at `index`, also of a number; nothing, with `problem`, otherwise. The view lives as long as the argument.
std::optional<std::string_view> text_argument(lua_State* L, int index, const char* what, std::string& problem);
// "a table", "nothing", "the text \"abc\"": what stands at `index`.
std::string describe(lua_State* L, int index);

// Errors as people read them: "attempt to index local 'reply' (a nil value)" becomes "`reply` is nil, ...".
std::string in_plain_words(std::string_view message);
std::string without_own_frames(std::string_view traceback);

// Whether the handler may sleep here; `function` for the message.
bool may_wait(lua_State* L, Vm& vm, const char* function, std::string& problem);
// The same, and counts a question to the outside: there is a limit for each run.
bool may_ask(lua_State* L, Vm& vm, const char* function, std::string& problem);
// nil, problem.
int push_problem(lua_State* L, const Trouble& trouble);

void add_sandbox(lua_State* L, std::uint64_t seed);  // sandbox.cpp: the globals that remain, metered functions
void add_string_functions(lua_State* L);             // bind_string.cpp: into the string table on top
void add_table_functions(lua_State* L);              // bind_table.cpp: into the table table on top
void add_value_functions(lua_State* L);              // bind_values.cpp: json, text
void add_time_functions(lua_State* L);               // bind_time.cpp: time
void add_host_functions(lua_State* L);               // bind_host.cpp: into the table on top, for the prelude
void add_call_functions(lua_State* L);               // bind_call.cpp: into the same table

}  // namespace parley::script
