// process_figures.hpp: this process as the kernel sees it, under the names that all of Prometheus'
// clients use (process_cpu_seconds_total, process_resident_memory_bytes, ...).
#pragma once

#include <parley/core/metrics.hpp>

namespace parley::ops {

// What cannot be read (without /proc, say) is left as it was, or out. From any thread.
void publish_process(metrics::Registry& registry);

}  // namespace parley::ops
