#include "stack_end.hpp"

#include <lua.hpp>

#include <cstdint>
#include <cstring>

namespace parley::script {
namespace {

// Of lua_State in LuaJIT 2.1 with 64-bit references (lj_obj.h), where a slot of the stack has 8 bytes.
constexpr std::size_t base_at = 32;
constexpr std::size_t end_at = 40;
constexpr std::intptr_t slot_bytes = 8;

std::intptr_t field(const lua_State* L, std::size_t at) {
    std::intptr_t value = 0;
    std::memcpy(&value, reinterpret_cast<const char*>(L) + at, sizeof value);
    return value;
}

// Whether the fields are where they are thought to be: they follow what the API does.
bool try_out() {
    lua_State* L = luaL_newstate();
    if (L == nullptr) return false;
    bool is_right = true;
    for (int i = 0; i < 100; ++i) {  // the stack grows, and moves, on the way
        is_right = is_right && lua_checkstack(L, 1) != 0 &&
                   field(L, end_at) - field(L, base_at) == lua_gettop(L) * slot_bytes;
        const auto before = field(L, end_at);
        lua_pushinteger(L, i);
        is_right = is_right && field(L, end_at) == before + slot_bytes;
    }
    lua_close(L);
    return is_right;
}

}  // namespace

void mend_stack_end(lua_State* L) {
    static const bool is_known = try_out();
    const auto base = field(L, base_at);
    if (!is_known || field(L, end_at) >= base) return;
    std::memcpy(reinterpret_cast<char*>(L) + end_at, &base, sizeof base);
}

}  // namespace parley::script
