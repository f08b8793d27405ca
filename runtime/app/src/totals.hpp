// totals.hpp: counters whose total is counted elsewhere. They only know how to add.
#pragma once

#include <parley/core/metrics.hpp>

#include <cstdint>

namespace parley::app {

inline void bring_to(metrics::Counter& counter, std::uint64_t total) {
    counter.add(static_cast<double>(total) - counter.value());
}

}  // namespace parley::app
