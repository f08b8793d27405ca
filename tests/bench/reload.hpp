// reload.hpp: what reloading costs the calls in progress, and how soon a save serves.
#pragma once

#include <filesystem>
#include <string>

namespace parley::bench {

struct ReloadPlan {
    std::filesystem::path tree;  // where config/ and scripts/ are
    int scripts = 200;
    int calls = 200;
    int seconds = 8;  // of each measurement: at rest, then with a save every 500 ms
};

int measure_reloads(const ReloadPlan& plan);

}  // namespace parley::bench
