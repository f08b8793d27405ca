// parley-bench: prints what a call costs, as ratios to a bare relay measured in the same run.

#include "attack.hpp"
#include "dashboard.hpp"
#include "load.hpp"
#include "process.hpp"
#include "relay.hpp"
#include "reload.hpp"
#include "scripts.hpp"

#include <parley/audio/recipes.hpp>
#include <parley/core/json.hpp>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

namespace parley::bench {
namespace {

namespace fs = std::filesystem;

constexpr int measured_core = 0;
constexpr int load_core = 1;
constexpr int churn_waves = 11;
constexpr int churn_calls = 100;

struct Row {
    std::string name;
    int calls = 0;
    double cpu_ms_per_call_s = 0;  // milliseconds of CPU a call needs in a second
    double core_share = 0;         // of one core, at this number of calls
    double memory_kb_per_call = 0;
    std::uint64_t lost = 0;
    Result load;
};

class Bench {
 public:
    explicit Bench(fs::path tree) : tree_(std::move(tree)) {
        folder_ = fs::temp_directory_path() / fmt::format("parley-bench-{}", getpid());
        fs::create_directories(folder_);
    }
    ~Bench() { fs::remove_all(folder_); }
    Bench(const Bench&) = delete;
    Bench& operator=(const Bench&) = delete;

    Row run(const std::string& name, Plan plan) {
        Row row{.name = name, .calls = plan.calls};
        plan.target_port = free_port();
        plan.model_port = free_port();
        const auto process = plan.target == Target::relay ? start_relay(plan) : start_parley(plan);
        wait_for_port(plan.target_port);
        // phrases are rendered at start
        std::this_thread::sleep_for(std::chrono::milliseconds(300));
        const double idle_mb = process->resident_mb();
        std::uint64_t cpu = 0;
        Load load(plan);
        row.load = load.run([&] { cpu = process->cpu_ns(); },
                            [&] {
                                cpu = process->cpu_ns() - cpu;
                                row.memory_kb_per_call =
                                    (process->resident_mb() - idle_mb) * 1000 / plan.calls;
                            });
        row.core_share = static_cast<double>(cpu) / 1e9 / plan.measure_s;
        row.cpu_ms_per_call_s = row.core_share * 1000 / plan.calls;
        row.lost = row.load.up_sent - std::min(row.load.up_sent, row.load.up_received) +
                   row.load.down_sent - std::min(row.load.down_sent, row.load.down_received);
        if (plan.sound != Sound::pcmu) row.lost = 0;  // stamps do not survive resampling
        return row;
    }

    double start_to_listening_ms() {
        Plan plan;
        plan.target_port = free_port();
        plan.model_port = free_port();
        const auto process = start_parley(plan);
        return wait_for_port(plan.target_port);
    }

    // Memory after each of `waves` times `calls` short calls.
    struct Churn {
        std::vector<double> resident_mb;
        int calls = 0;  // that had audio both ways
        std::string fault;
    };
    Churn churn(int waves, int calls) {
        Plan plan;
        plan.calls = calls;
        plan.warm_up_s = 0;
        plan.measure_s = 1;
        plan.target_port = free_port();
        plan.model_port = free_port();
        const auto process = start_parley(plan);
        wait_for_port(plan.target_port);
        Churn churn;
        for (int wave = 0; wave < waves && churn.fault.empty(); ++wave) {
            const auto result = Load(plan).run([] {}, [] {});
            churn.fault = result.fault;
            churn.calls += result.calls_up;
            std::this_thread::sleep_for(std::chrono::milliseconds(500));  // the last of them finish
            churn.resident_mb.push_back(process->resident_mb());
        }
        return churn;
    }

 private:
    std::unique_ptr<Process> start_relay(const Plan& plan) {
        return std::make_unique<Process>(
            std::vector<std::string>{fs::read_symlink("/proc/self/exe").string(), "relay",
                                     std::to_string(plan.target_port),
                                     std::to_string(plan.model_port)},
            std::vector<std::string>{}, measured_core, (folder_ / "relay.log").string());
    }
    std::unique_ptr<Process> start_parley(const Plan& plan) {
        const auto settings = folder_ / "bench.yaml";
        std::ofstream(settings)
            << "server: {io_threads: 1}\ncalls: {duration_max_minutes: 30}\nopenai: {audio: "
            << (plan.sound == Sound::pcmu ? "pcmu" : "pcm16_24k") << "}\n";
        const auto database = folder_ / fmt::format("bench-{}.db", plan.target_port);
        return std::make_unique<Process>(
            std::vector<std::string>{
                fs::read_symlink("/proc/self/exe").replace_filename("parley").string(), "-c",
                (tree_ / "config/parley.yaml").string(), "--overlay", settings.string(), "serve"},
            std::vector<std::string>{
                "OPENAI_API_KEY=sk-bench",
                fmt::format("OPENAI_BASE_URL=http://127.0.0.1:{}/v1", plan.model_port),
                fmt::format("PORT={}", plan.target_port), "HOST=127.0.0.1",
                fmt::format("PUBLIC_URL=http://127.0.0.1:{}", plan.target_port),
                "ENABLE_WEBHOOK_VALIDATION=false", "DATABASE_PATH=" + database.string(),
                "LOG_LEVEL=warn"},
            measured_core, (folder_ / "parley.log").string());
    }

    fs::path tree_;
    fs::path folder_;
};

void print(Row& row, double relay_cpu) {
    const auto delay = [](Delays& delays) {
        if (delays.us.empty()) return std::string("      -      ");
        return fmt::format("{:5.2f}/{:.2f}/{:.2f}", delays.percentile(0.5) / 1000,
                           delays.percentile(0.95) / 1000, delays.percentile(0.99) / 1000);
    };
    fmt::print("{:<22} {:>5} {:>9.3f} {:>7} {:>6.0f}% {:>9.0f} {:>17} {:>17} {:>6}  {:>4.0f}%{}\n",
               row.name, row.calls, row.cpu_ms_per_call_s,
               relay_cpu > 0 ? fmt::format("{:.2f}x", row.cpu_ms_per_call_s / relay_cpu) : "-",
               row.core_share * 100, row.memory_kb_per_call, delay(row.load.up),
               delay(row.load.down), row.lost, row.load.cpu_share * 100,
               row.load.fault.empty() ? "" : "  ! " + row.load.fault);
    std::fflush(stdout);
}

json::object to_json(Delays& each) {
    return {{"p50_us", each.percentile(0.5)},
            {"p95_us", each.percentile(0.95)},
            {"p99_us", each.percentile(0.99)},
            {"count", each.us.size()}};
}

json::object to_json(Row& row, double relay_cpu) {
    return {{"name", row.name},
            {"calls", row.calls},
            {"cpu_ms_per_call_second", row.cpu_ms_per_call_s},
            {"ratio_to_relay", relay_cpu > 0 ? row.cpu_ms_per_call_s / relay_cpu : 0},
            {"core_share", row.core_share},
            {"memory_kb_per_call", row.memory_kb_per_call},
            {"frames_lost", row.lost},
            {"up", to_json(row.load.up)},
            {"down", to_json(row.load.down)},
            {"load_core_share", row.load.cpu_share},
            {"fault", row.load.fault}};
}

json::array measure_recipes() {
    fmt::print(
        "\nResampling in 20 ms frames, libsoxr\n{:<34} {:>13} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>7}\n",
        "recipe", "Hz", "held ms", "1 kHz dB", "worst dB", "3.4k dB", "leak dB", "us/frame", "KB");
    json::array all;
    for (const auto& recipe : audio::recipes_to_compare()) {
        for (const auto& [in, out] : {std::pair{8'000, 24'000}, {24'000, 8'000}}) {
            const auto it = audio::measure(recipe, in, out);
            fmt::print(
                "{:<34} {:>6}->{:<6} {:>8.1f} {:>9.1f} {:>9.1f} {:>9.2f} {:>9.1f} {:>9.1f} {:>7.0f}\n",
                recipe.name, in, out, it.delay_ms, it.snr_1khz_db, it.snr_worst_db,
                it.gain_3400hz_db, it.leak_4500hz_db, it.us_per_frame,
                static_cast<double>(it.bytes) / 1000);
            all.push_back({{"recipe", recipe.name},
                           {"from_hz", in},
                           {"to_hz", out},
                           {"delay_ms", it.delay_ms},
                           {"snr_1khz_db", it.snr_1khz_db},
                           {"snr_worst_db", it.snr_worst_db},
                           {"us_per_frame", it.us_per_frame}});
        }
    }
    return all;
}

// What a process holds that has caches grows at first; what leaks grows to the end.
json::object measure_churn(Bench& bench, int waves, int calls) {
    const auto churn = bench.churn(waves, calls);
    fmt::print("\nMemory after calls had come and gone, MB:");
    json::array series;
    for (std::size_t wave = 0; wave < churn.resident_mb.size(); ++wave) {
        const int done = static_cast<int>(wave + 1) * calls;
        fmt::print("{} {}: {:.1f}", wave == 0 ? "" : ",", done, churn.resident_mb[wave]);
        series.push_back({{"calls", done}, {"resident_mb", churn.resident_mb[wave]}});
    }
    fmt::print("{}\n", churn.fault.empty() ? "" : "  ! " + churn.fault);
    return {{"series", series}, {"calls", churn.calls}, {"fault", churn.fault}};
}

int measure_memory(const fs::path& tree, int waves, int calls) {
    pin_this_process(load_core);
    Bench bench(tree);
    measure_churn(bench, waves, calls);
    return 0;
}

int measure_everything(const fs::path& tree, const std::string& json_file, std::vector<int> sizes,
                       int seconds, int most) {
    pin_this_process(load_core);
    Bench bench(tree);
    json::object report;
    fmt::print("Start to listening: {:.0f} ms\n\n",
               (report["start_to_listening_ms"] = bench.start_to_listening_ms()).get_double());
    std::fflush(stdout);
    fmt::print("{:<22} {:>5} {:>9} {:>7} {:>7} {:>9} {:>17} {:>17} {:>6}  {}\n", "", "calls",
               "cpu ms/s", "ratio", "core", "KB/call", "up ms p50/95/99", "down ms p50/95/99",
               "lost", "load");
    json::array rows;
    const auto measure = [&](const std::string& name, Plan plan, double relay_cpu) {
        auto row = bench.run(name, plan);
        print(row, relay_cpu);
        rows.push_back(to_json(row, relay_cpu));
        return row;
    };
    std::optional<Row> reactions;
    for (const int calls : sizes) {
        Plan plan{.target = Target::relay, .calls = calls, .measure_s = seconds};
        const double relay = measure("bare relay", plan, 0).cpu_ms_per_call_s;
        plan.target = Target::parley;
        plan.tries_barge_in = plan.tries_tools = calls == 100 || (sizes.size() == 1);
        auto row = measure("parley, µ-law through", plan, relay);
        if (plan.tries_barge_in) reactions = std::move(row);
        if (plan.tries_barge_in) {
            plan.tries_barge_in = plan.tries_tools = false;
            plan.sound = Sound::pcm16_24k;
            measure("parley, 24 kHz PCM", plan, relay);
        }
    }
    if (most > 0) {
        measure(fmt::format("parley, {} calls", most),
                {.calls = most, .warm_up_s = 5, .measure_s = seconds}, 0);
    }
    report["rows"] = rows;
    if (reactions) {
        json::object lines{{"calls", reactions->calls}};
        const auto line = [&](const char* key, const char* name, Delays& delays) {
            fmt::print("{:<44} {:>7.2f} {:>7.2f} {:>7.2f}   ({} times)\n", name,
                       delays.percentile(0.5) / 1000, delays.percentile(0.95) / 1000,
                       delays.percentile(0.99) / 1000, delays.us.size());
            lines[key] = to_json(delays);
        };
        fmt::print("\n{:<44} {:>7} {:>7} {:>7}\n", fmt::format("ms, at {} calls", reactions->calls),
                   "p50", "p95", "p99");
        line("speech_started_to_clear", "speech_started -> clear on the wire",
             reactions->load.barge_in);
        line("tool_round_trip", "tool call -> its output (SQLite, check_slots)",
             reactions->load.tool);
        line("stream_start_to_greeting", "stream started -> greeting on the wire",
             reactions->load.set_up);
        report["reactions"] = lines;
    }
    std::fflush(stdout);
    report["churn"] = measure_churn(bench, churn_waves, churn_calls);

    report["recipes"] = measure_recipes();
    if (!json_file.empty()) std::ofstream(json_file) << json::serialize(report) << "\n";
    return 0;
}

}  // namespace
}  // namespace parley::bench

int main(int argc, char** argv) {
    CLI::App cli{"Measures parley against a bare relay."};
    std::string json_file = "build/bench.json";
    std::string tree = ".";
    std::vector<int> sizes{50, 100, 200};
    int seconds = 8;
    int most = 900;
    cli.add_option("--json", json_file, "also write the results here")->capture_default_str();
    cli.add_option("--tree", tree, "where config/ and scripts/ are")->capture_default_str();
    cli.add_option("--calls", sizes, "numbers of calls at once")->capture_default_str();
    cli.add_option("--seconds", seconds, "of each measurement")->capture_default_str();
    cli.add_option("--most", most, "also try this many calls on one core; 0: do not")
        ->capture_default_str();
    auto* relay = cli.add_subcommand("relay", "be the bare relay");
    std::vector<std::uint16_t> ports;
    relay->add_option("PORTS", ports, "own port, upstream port")->expected(2);
    auto* reload = cli.add_subcommand(
        "reload", "measure what reloading costs calls in progress, and how soon a save serves");
    parley::bench::ReloadPlan reloads;
    reload->add_option("--scripts", reloads.scripts, "files in the scripts folder")
        ->capture_default_str();
    reload->add_option("--calls", reloads.calls, "calls in progress")->capture_default_str();
    reload->add_option("--seconds", reloads.seconds, "of each measurement")->capture_default_str();
    auto* memory = cli.add_subcommand("memory", "memory held after calls have come and gone");
    int waves = 40;
    int churn_calls = 100;
    memory->add_option("--waves", waves, "how often")->capture_default_str();
    memory->add_option("--calls", churn_calls, "at once")->capture_default_str();
    auto* scripts = cli.add_subcommand("scripts", "what a call's script costs");
    parley::bench::ScriptsPlan script_plan;
    scripts->add_option("--calls", script_plan.calls, "VMs")->capture_default_str();
    scripts->add_option("--runs", script_plan.runs, "of a tool")->capture_default_str();
    auto* attack = cli.add_subcommand(
        "attack", "measure what calls in progress notice of scripts that misuse their tools");
    parley::bench::AttackPlan attacks;
    attack->add_option("--calls", attacks.calls, "calls in progress")->capture_default_str();
    attack->add_option("--seconds", attacks.seconds, "of the quiet measurement")
        ->capture_default_str();
    attack->add_option("--rounds", attacks.rounds, "how often each script attacks")
        ->capture_default_str();
    attack->add_option("--at-once", attacks.at_once, "calls that attack at the same time")
        ->capture_default_str();
    auto* dashboard = cli.add_subcommand(
        "dashboard", "measure what those who watch the dashboard cost the calls in progress");
    parley::bench::DashboardPlan watched;
    dashboard->add_option("--calls", watched.calls, "calls in progress")->capture_default_str();
    dashboard->add_option("--viewers", watched.viewers, "numbers of viewers")
        ->capture_default_str();
    dashboard->add_option("--seconds", watched.seconds, "of each measurement")
        ->capture_default_str();
    dashboard->add_option("--rounds", watched.rounds, "of all measurements")->capture_default_str();
    CLI11_PARSE(cli, argc, argv);
    watched.tree = std::filesystem::absolute(tree);
    if (*dashboard) return parley::bench::measure_dashboard(watched);
    attacks.tree = std::filesystem::absolute(tree);
    if (*attack) return parley::bench::measure_attacks(attacks);
    reloads.tree = std::filesystem::absolute(tree);
    if (*reload) return parley::bench::measure_reloads(reloads);
    if (*scripts) return parley::bench::measure_scripts(script_plan);
    if (*memory) return parley::bench::measure_memory(tree, waves, churn_calls);
    if (*relay) return parley::bench::run_relay(ports.at(0), ports.at(1));
    return parley::bench::measure_everything(tree, json_file, sizes, seconds, most);
}
