// stack_end.hpp: works round a mistake of LuaJIT that Debian 12 still has.
//
// Problem: where memory is refused to Lua code or to a function that LuaJIT has in assembler, such as
// string.sub, the error's text goes to where the last C function left the end of the stack. That may be
// before the running function, in the link of its frame, and unwinding the error then crashes the
// process.
// Idea: before memory is refused, such an end is set to the first slot of the running function, which
// the error ends anyway.
//
// The end is a field of lua_State that no function of the API can raise, so its place is tried out
// once; a LuaJIT that keeps it elsewhere is left alone.
#pragma once

extern "C" {
#include <lua.h>
}

namespace parley::script {

// On the thread that runs.
void mend_stack_end(lua_State* L);

}  // namespace parley::script
