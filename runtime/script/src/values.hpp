// values.hpp: values that cross between C++ and Lua.
//
// Lists and objects are told apart by a mark, not by guessing: json.list{...} puts a metatable on a
// table, and every list that comes from C++ carries it, so an empty list stays a list. null in an
// object is an absent field; in a list it is json.null.
// Reading allocates nothing in Lua and raises nothing. Pushing may raise "not enough memory" and
// runs protected.
#pragma once

#include <parley/core/json.hpp>

#include <string>
#include <utility>
#include <vector>

struct lua_State;

namespace parley::script {

constexpr int value_depth_max = 16;

struct ReadLimits {
    std::size_t bytes_max = 64 * 1024;  // of text and names together
    std::size_t values_max = 20'000;
};

// A Lua value with its functions and declarations, for checking what a file returned.
struct Tree {
    enum class Kind { nil, boolean, number, text, function, table } kind = Kind::nil;
    bool truth = false;
    double number = 0;
    std::string text;
    bool is_list_marked = false;
    std::vector<Tree> list;                            // t[1] .. t[n]
    std::vector<std::pair<std::string, Tree>> fields;  // in order of name
    bool has_other_keys = false;                       // neither text nor 1..n

    const Tree* find(std::string_view name) const;
    std::string describe() const;  // "the text \"abc\"", "a list", "nothing"
};

// Creates the mark for lists in a new VM.
void add_list_mark(lua_State* L);
// Marks the table on top of the stack.
void mark_list(lua_State* L);
bool is_marked_list(lua_State* L, int index);

void push_json(lua_State* L, const json::value& value);

// False, with `problem` set, when the value has no JSON form. `problem` reads "field `a.b` is a
// function".
bool read_json(lua_State* L, int index, const ReadLimits& limits, json::value& out,
               std::string& problem);
bool read_tree(lua_State* L, int index, Tree& out, std::string& problem);

// Functions become null.
json::value to_json(const Tree& tree);

}  // namespace parley::script
