// test_prelude.hpp: the part of a test's world that is written in Lua, and its C++ side.
#pragma once

#include "vm.hpp"

namespace parley::script {

// Under this name among a VM's files; a VM that has it is a VM for tests.
constexpr std::string_view test_prelude_path = "parley.tests";

Checked<std::string> compile_test_prelude();

// With the prelude's host table and entries on top of the stack: runs the chunk and makes its names
// global.
void add_tests(lua_State* L, const std::string& bytecode);

}  // namespace parley::script
