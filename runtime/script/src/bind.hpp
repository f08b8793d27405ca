// bind.hpp: how functions of ours are made visible to Lua.
//
// A bound function reads its arguments into C++ values, does its work without Lua, and pushes the
// result. What goes wrong is a text in `problem` and refused(); only the wrapper raises, after
// every C++ object is gone. Exceptions stop at the wrapper; Lua's own errors ("not enough memory")
// pass through it, which on x86-64 runs destructors.
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

// What a function that waits counts against, per run.
enum class Waits { for_database, for_web, for_keys, for_other };
// Whether `function` may wait here, and is not called too often; counts it. False with `problem`
// otherwise.
bool may_wait(lua_State* L, Vm& vm, const char* function, std::string& problem,
              Waits what = Waits::for_other);
// Ends a bound function that waits: return wait_for(...). The prelude then fetches the answer with
// take_answer().
int wait_for(lua_State* L, Vm& vm, Request request);
// nil and a table with kind, message and retry: return push_problem(...).
int push_problem(lua_State* L, const Problem& problem);

struct Binding {
    const char* name;
    int (*function)(lua_State*);
};
// Sets functions in the table on top of the stack.
void set_functions(lua_State* L, std::span<const Binding> bindings);

// The text at `index`, also of a number; nothing, with `problem`, otherwise. The view lives as long
// as the argument.
std::optional<std::string_view> text_argument(lua_State* L, int index, const char* what,
                                              std::string& problem);
// A number at `index`, within bounds; nothing, with `problem`, otherwise. `what` reads "text.money:
// the amount".
std::optional<double> number_argument(lua_State* L, int index, const char* what, double min,
                                      double max, std::string& problem);
// The table at `index` as an object, an empty one where there is nothing; its names must be among
// `known`.
std::optional<json::object> options_argument(lua_State* L, int index, const char* function,
                                             std::span<const std::string_view> known,
                                             std::string& problem,
                                             std::size_t bytes_max = 64 * 1024);
// time.parse of what somebody says, with options at index 2: bind_spoken.cpp.
int parse_spoken_argument(lua_State* L, Vm& vm, std::string_view text, std::string& problem);
int give_text(lua_State* L, std::string_view text);
// A text for people, without secrets: not blank, not too long.
std::optional<std::string> said_text(lua_State* L, int index, const char* function,
                                     std::size_t bytes_max, std::string& problem);
// "a table", "nothing", "the text \"abc\"": what stands at `index`.
std::string describe(lua_State* L, int index);

// Errors as people read them: "attempt to index local 'reply' (a nil value)" becomes "`reply` is
// nil, ...".
std::string in_plain_words(std::string_view message);
std::string without_own_frames(std::string_view traceback);

// sandbox.cpp: the globals that remain, metered functions
void add_sandbox(lua_State* L, std::uint64_t seed);
// bind_string.cpp: into the string table on top
void add_string_functions(lua_State* L);
void add_table_functions(lua_State* L);   // bind_table.cpp: into the table table on top
void add_value_functions(lua_State* L);   // bind_values.cpp: json, text
void add_text_functions(lua_State* L);    // bind_text.cpp: into the text table on top
void add_time_functions(lua_State* L);    // bind_time.cpp: time
void add_spoken_functions(lua_State* L);  // bind_spoken.cpp: into the time table on top
void add_os_functions(lua_State* L);      // bind_os.cpp: os
void add_crypto_functions(lua_State* L);  // bind_crypto.cpp: crypto
void add_secret_functions(lua_State* L);  // bind_secrets.cpp: secrets
void add_metric_functions(lua_State* L);  // bind_metrics.cpp: metrics
// Into the table on top, for the prelude:
void add_sort_check(lua_State* L);  // bind_table.cpp
// bind_host.cpp: files, the call, the log, the ends of a handler
void add_host_functions(lua_State* L);
void add_call_functions(lua_State* L);      // bind_call.cpp
void add_line_functions(lua_State* L);      // bind_line.cpp: the part of `call` about the line
void add_wait_functions(lua_State* L);      // bind_wait.cpp: answers, sleep, parallel
void add_database_functions(lua_State* L);  // bind_db.cpp
void add_http_functions(lua_State* L);      // bind_http.cpp
void add_key_functions(lua_State* L);       // bind_kv.cpp

}  // namespace parley::script
