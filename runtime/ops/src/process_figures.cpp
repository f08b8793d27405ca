#include <parley/ops/process_figures.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace parley::ops {
namespace {

struct Stat {
    double cpu_s = 0;
    double started_after_boot_s = 0;
    double virtual_bytes = 0;
    double resident_bytes = 0;
};

// man 5 proc. The second field is the name in brackets, which may hold anything.
std::optional<Stat> read_stat() {
    std::ifstream file("/proc/self/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const auto name_end = line.rfind(')');
    if (name_end == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(name_end + 1));
    constexpr int utime = 14, stime = 15, starttime = 22, vsize = 23, rss = 24;
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    Stat stat;
    std::string word;
    for (int field = 3; field <= rss; ++field) {
        if (!(rest >> word)) return std::nullopt;
        if (field < utime) continue;
        const auto value = static_cast<double>(std::strtoll(word.c_str(), nullptr, 10));
        if (field == utime || field == stime) stat.cpu_s += value / ticks;
        if (field == starttime) stat.started_after_boot_s = value / ticks;
        if (field == vsize) stat.virtual_bytes = value;
        if (field == rss) stat.resident_bytes = value * static_cast<double>(sysconf(_SC_PAGESIZE));
    }
    return stat;
}

std::optional<double> read_boot_time_s() {
    std::ifstream file("/proc/stat");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
    }
    return std::nullopt;
}

// Without the one that is open to count them.
std::optional<double> count_open_files() {
    std::error_code error;
    const std::filesystem::directory_iterator all("/proc/self/fd", error);
    if (error) return std::nullopt;
    return static_cast<double>(std::distance(begin(all), end(all))) - 1;
}

}  // namespace

void publish_process(metrics::Registry& registry) {
    if (const auto stat = read_stat()) {
        auto& cpu = registry.counter("process_cpu_seconds_total",
                                     "Total user and system CPU time spent in seconds.");
        cpu.add(stat->cpu_s - cpu.value());
        registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
            .set(stat->resident_bytes);
        registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
            .set(stat->virtual_bytes);
        static const auto boot_s = read_boot_time_s();  // it moves when the clock is set
        if (boot_s) {
            registry
                .gauge("process_start_time_seconds",
                       "Start time of the process since unix epoch in seconds.")
                .set(*boot_s + stat->started_after_boot_s);
        }
    }
    if (const auto open = count_open_files())
        registry.gauge("process_open_fds", "Number of open file descriptors.").set(*open);
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        registry.gauge("process_max_fds", "Maximum number of open file descriptors.")
            .set(static_cast<double>(limit.rlim_cur));
    }
}

}  // namespace parley::ops
