// scripts.hpp: what a call's script costs: its VM, its memory, a tool call.
#pragma once

#include <filesystem>

namespace parley::bench {

struct ScriptsPlan {
    int calls = 500;
    int runs = 20'000;  // of a tool, in one of them
};

int measure_scripts(const ScriptsPlan& plan);

}  // namespace parley::bench
