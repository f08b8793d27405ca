// dashboard.hpp: what those who watch the dashboard cost the calls in progress.
#pragma once

#include <filesystem>
#include <vector>

namespace parley::bench {

struct DashboardPlan {
    std::filesystem::path tree;  // where config/ and scripts/ are
    int calls = 200;
    std::vector<int> viewers{0, 1, 50};  // measured one after another, in each round
    int seconds = 10;                    // of each measurement
    int rounds = 3;
};

// Nonzero when a call or a viewer was lost.
int measure_dashboard(const DashboardPlan& plan);

}  // namespace parley::bench
