#include "reload.hpp"

#include "load.hpp"
#include "process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <fstream>
#include <sstream>
#include <thread>

#include <unistd.h>

namespace parley::bench {
namespace {

namespace fs = std::filesystem;
using Wall = std::chrono::system_clock;

constexpr int measured_core = 0;
constexpr int load_core = 1;
constexpr std::chrono::milliseconds between_saves{500};
constexpr double quiet_ms = 200;  // reload::Debounce::Options::quiet

std::string text_of(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// The shipped scripts, and copies of two of the tools until there are as many files as wanted.
std::vector<fs::path> make_scripts(const fs::path& from, const fs::path& to, int count) {
    fs::copy(from, to, fs::copy_options::recursive);
    int there = 0;
    for (const auto& each : fs::recursive_directory_iterator(to))
        there += each.path().extension() == ".lua" ? 1 : 0;
    const std::string sources[] = {text_of(from / "tools/check_slots.lua"),
                                   text_of(from / "tools/book_appointment.lua")};
    std::vector<fs::path> made;
    for (int i = 0; there + i < count; ++i) {
        made.push_back(to / "tools" / fmt::format("copy_{}.lua", i));
        std::ofstream(made.back(), std::ios::binary) << sources[i % 2];
    }
    return made;
}

struct Reloaded {
    Wall::time_point at;
    double ms = 0;
};

// "2026-11-25T09:27:51.837 info  script.reloaded generation=2 ... ms=20"
std::vector<Reloaded> reloads_in(const fs::path& log) {
    std::vector<Reloaded> found;
    std::istringstream lines(text_of(log));
    for (std::string line; std::getline(lines, line);) {
        const auto ms = line.rfind(" ms=");
        if (line.find(" script.reloaded ") == std::string::npos || ms == std::string::npos)
            continue;
        std::tm when{};
        if (strptime(line.c_str(), "%Y-%m-%dT%H:%M:%S", &when) == nullptr) continue;
        when.tm_isdst = -1;
        const auto fraction = std::chrono::milliseconds(std::stoi(line.substr(20, 3)));
        found.push_back(
            {Wall::from_time_t(mktime(&when)) + fraction, std::stod(line.substr(ms + 4))});
    }
    return found;
}

std::string percentiles(std::vector<double> values) {
    if (values.empty()) return "none";
    std::sort(values.begin(), values.end());
    return fmt::format("p50 {:.0f} ms, worst {:.0f} ms", values[values.size() / 2], values.back());
}

}  // namespace

int measure_reloads(const ReloadPlan& wanted) {
    pin_this_process(load_core);
    const fs::path folder =
        fs::temp_directory_path() / fmt::format("parley-bench-reload-{}", getpid());
    fs::create_directories(folder);
    const auto tools = make_scripts(wanted.tree / "scripts", folder / "scripts", wanted.scripts);
    Plan plan{.calls = wanted.calls, .measure_s = wanted.seconds};
    plan.target_port = free_port();
    plan.model_port = free_port();
    std::ofstream(folder / "bench.yaml")
        << "server: {io_threads: 1}\ncalls: {duration_max_minutes: 30}\nscripts: {dir: \""
        << (folder / "scripts").string() << "\"}\n";
    const auto log = folder / "parley.log";
    Result rest;
    Result busy;
    std::vector<Wall::time_point> saves;
    {
        const auto process = start({.tree = wanted.tree,
                                    .folder = folder,
                                    .port = plan.target_port,
                                    .model_port = plan.model_port,
                                    .log_level = "info"},
                                   measured_core);
        rest = Load(plan).run([] {}, [] {});
        std::atomic<bool> is_over = false;
        std::thread editor;
        busy = Load(plan).run(
            [&] {
                editor = std::thread([&] {
                    for (int i = 1; !is_over; ++i) {
                        const auto& file = tools[static_cast<std::size_t>(i) % tools.size()];
                        std::ofstream(file.string() + ".tmp")
                            << text_of(file) << "-- " << i << "\n";
                        saves.push_back(Wall::now());
                        fs::rename(file.string() + ".tmp", file);
                        std::this_thread::sleep_for(between_saves);
                    }
                });
            },
            [&] {
                is_over = true;
                editor.join();
            });
        std::this_thread::sleep_for(between_saves);
    }
    const auto reloads = reloads_in(log);
    std::vector<double> built;
    std::vector<double> served;
    for (std::size_t i = 0; i < reloads.size(); ++i) {
        built.push_back(reloads[i].ms);
        if (reloads.size() == saves.size())
            served.push_back(
                std::chrono::duration<double, std::milli>(reloads[i].at - saves[i]).count() -
                quiet_ms);
    }
    const auto line = [](const char* name, Result& load) {
        fmt::print(
            "{:<28} up p50/p99 {:5.2f}/{:5.2f} ms, down p50/p99 {:5.2f}/{:5.2f} ms, {} calls{}{}\n",
            name, load.up.percentile(0.5) / 1000, load.up.percentile(0.99) / 1000,
            load.down.percentile(0.5) / 1000, load.down.percentile(0.99) / 1000, load.calls_up,
            load.fault.empty() ? "" : "  ! ", load.fault);
    };
    fmt::print("{} scripts, {} calls in progress on one core, which the reloads share\n",
               wanted.scripts, wanted.calls);
    line("at rest", rest);
    line("a save every 500 ms", busy);
    fmt::print("{:<28} up {:+.2f} ms, down {:+.2f} ms\n", "p99 moved by",
               (busy.up.percentile(0.99) - rest.up.percentile(0.99)) / 1000,
               (busy.down.percentile(0.99) - rest.down.percentile(0.99)) / 1000);
    fmt::print(
        "{} saves, {} generations; read, built and published in {}; from the save to serving, less {:.0f} ms of quiet, in {}\n",
        saves.size(), reloads.size(), percentiles(built), quiet_ms, percentiles(served));
    fs::remove_all(folder);
    return rest.fault.empty() && busy.fault.empty() && reloads.size() == saves.size() ? 0 : 1;
}

}  // namespace parley::bench
