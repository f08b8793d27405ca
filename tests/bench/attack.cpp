#include "attack.hpp"

#include "../attack/attacks.hpp"
#include "load.hpp"
#include "process.hpp"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include <unistd.h>

namespace parley::bench {
namespace {

namespace fs = std::filesystem;

constexpr int measured_core = 0;
constexpr int load_core = 1;

std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

void print(const std::string& name, Result& load, double memory_mb) {
    fmt::print(
        "{:<10} up p50/p99 {:5.2f}/{:5.2f} ms, down p50/p99 {:5.2f}/{:5.2f} ms, worst {:.1f} ms, {} calls up, {:.0f} s, {:.1f} MB{}{}\n",
        name, load.up.percentile(0.5) / 1000, load.up.percentile(0.99) / 1000,
        load.down.percentile(0.5) / 1000, load.down.percentile(0.99) / 1000,
        std::max(load.up.percentile(1), load.down.percentile(1)) / 1000, load.calls_up,
        load.measured_s, memory_mb, load.fault.empty() ? "" : "  ! ", load.fault);
    std::fflush(stdout);
}

}  // namespace

int measure_attacks(const AttackPlan& wanted) {
    pin_this_process(load_core);
    const fs::path folder =
        fs::temp_directory_path() / fmt::format("parley-bench-attack-{}", getpid());
    fs::create_directories(folder);
    fs::copy(wanted.tree / "scripts", folder / "scripts", fs::copy_options::recursive);
    Plan plan{.calls = wanted.calls, .measure_s = wanted.seconds};
    plan.target_port = free_port();
    plan.model_port = free_port();
    // The scripts' web requests go to the measured service itself: something that answers.
    const attack::Staff staff(wanted.tree, folder / "scripts",
                              fmt::format("127.0.0.1:{}", plan.target_port));
    std::ofstream(folder / "bench.yaml")
        << "server: {io_threads: 1}\ncalls: {duration_max_minutes: 30}\n"
        << staff.scripts_settings() << staff.agents_settings();
    const auto log = folder / "parley.log";
    Result quiet;
    std::vector<Result> rounds;
    bool is_alive = false;
    {
        const auto process = start({.tree = wanted.tree,
                                    .folder = folder,
                                    .port = plan.target_port,
                                    .model_port = plan.model_port},
                                   measured_core);
        double memory_mb = 0;
        const auto measure = [&] {
            return Load(plan).run([] {}, [&] { memory_mb = process->resident_mb(); });
        };
        fmt::print("{} attacks beside {} calls in progress, {} at a time, all on one core\n",
                   staff.attacks().size(), wanted.calls, wanted.at_once);
        quiet = measure();
        print("quiet", quiet, memory_mb);
        for (std::size_t i = 0; i < staff.attacks().size(); ++i)
            plan.attacks.push_back(
                {attack::Staff::number_of(i), attack::Staff::tool_of(staff.attacks()[i])});
        plan.attacks_at_once = wanted.at_once;
        for (int round = 1; round <= wanted.rounds; ++round) {
            rounds.push_back(measure());
            print(fmt::format("attacks {}", round), rounds.back(), memory_mb);
        }
        is_alive = process->is_running();
    }
    int failures = is_alive && quiet.fault.empty() && quiet.calls_up == wanted.calls ? 0 : 1;
    int over = 0, told = 0, lost = 0;
    for (auto& round : rounds) {
        over += round.attacks_over;
        told += round.attacks_failed;
        lost += wanted.calls - round.calls_up;
        failures += round.fault.empty() ? 0 : 1;
        fmt::print("{:<10} up {:+.2f} ms, down {:+.2f} ms\n", "p99 moved",
                   (round.up.percentile(0.99) - quiet.up.percentile(0.99)) / 1000,
                   (round.down.percentile(0.99) - quiet.down.percentile(0.99)) / 1000);
    }
    const auto lines = text_of(log);
    int named = 0;
    for (const auto& attack : staff.attacks()) {
        const auto missing = attack::missing_in(lines, attack);
        if (missing.empty()) {
            ++named;
        } else {
            fmt::print("! {}\n", missing);
        }
    }
    fmt::print(
        "{} attacks over, {} as failed tools; {} of {} scripts with file, line and limit in the log; {} calls lost\n",
        over, told, named, staff.attacks().size(), lost);
    fs::remove_all(folder);
    const int wanted_over = static_cast<int>(staff.attacks().size()) * wanted.rounds;
    return failures == 0 && lost == 0 && told == wanted_over &&
                   named == static_cast<int>(staff.attacks().size())
               ? 0
               : 1;
}

}  // namespace parley::bench
