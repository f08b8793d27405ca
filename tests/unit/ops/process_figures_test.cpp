#include "support.hpp"

#include <parley/ops/process_figures.hpp>

#include <chrono>
#include <fstream>

namespace parley::ops::test {
namespace {

double value_of(const metrics::Registry& registry, const std::string& name) {
    const auto text = registry.text();
    const auto at = text.find("\n" + name + " ");
    if (at == std::string::npos) {
        ADD_FAILURE() << name << " is not in\n" << text;
        return 0;
    }
    return std::stod(text.substr(at + name.size() + 2));
}

TEST(ProcessFigures, TellWhatTheKernelKnowsOfThisProcess) {
    metrics::Registry registry;
    publish_process(registry);
    const auto now =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    EXPECT_GT(value_of(registry, "process_resident_memory_bytes"), 1e6);
    EXPECT_GT(value_of(registry, "process_virtual_memory_bytes"),
              value_of(registry, "process_resident_memory_bytes"));
    EXPECT_LT(value_of(registry, "process_start_time_seconds"), now + 1);
    EXPECT_GT(value_of(registry, "process_start_time_seconds"), now - 3'600);
    EXPECT_GT(value_of(registry, "process_max_fds"), 0);

    const auto open = value_of(registry, "process_open_fds");
    const std::ifstream one("/proc/self/stat");
    publish_process(registry);
    EXPECT_EQ(value_of(registry, "process_open_fds"), open + 1);
}

TEST(ProcessFigures, CountTheCpuThatIsUsed) {
    metrics::Registry registry;
    publish_process(registry);
    const auto before = value_of(registry, "process_cpu_seconds_total");
    // The kernel counts in hundredths; how long one takes depends on who else is at work.
    std::uint64_t work = 1;
    for (int round = 0; round < 10'000; ++round) {
        for (int i = 0; i < 1'000'000; ++i) work = work * 6364136223846793005u + 1;
        publish_process(registry);
        if (value_of(registry, "process_cpu_seconds_total") > before) break;
    }
    EXPECT_GT(value_of(registry, "process_cpu_seconds_total"), before) << work;
}

}  // namespace
}  // namespace parley::ops::test
