// attack.hpp: what calls in progress notice of scripts that misuse their tools.
#pragma once

#include <filesystem>

namespace parley::bench {

struct AttackPlan {
    std::filesystem::path tree;  // where config/, scripts/ and tests/attack/ are
    int calls = 50;
    int seconds = 10;  // of the quiet measurement
    int rounds = 3;    // each script of tests/attack/ once in each
    int at_once = 1;   // calls that attack at the same time
};

// Nonzero when an attack did not end in its limit or a call was lost.
int measure_attacks(const AttackPlan& plan);

}  // namespace parley::bench
