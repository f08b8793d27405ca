#include "rehearsal_commands.hpp"

#include "paths.hpp"
#include "wiring.hpp"

#include <parley/rehearsal/complaint.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/rehearsal/replay.hpp>
#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/suite.hpp>
#include <parley/rehearsal/talk.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iostream>

namespace parley::app {
namespace {

rehearsal::Ink ink() {
    return isatty(STDOUT_FILENO) != 0 ? rehearsal::Ink::ansi : rehearsal::Ink::plain;
}

int refuse(const std::vector<Fault>& faults) {
    for (const auto& fault : faults) fmt::print(stderr, "parley: {}\n", fault.text());
    return 2;
}

json::object as_json(const rehearsal::TestResult& result) {
    json::array broken;
    for (const auto& each : result.broken)
        broken.push_back({{"where", each.where}, {"what", each.what}, {"found", each.found}});
    json::object object{
        {"file", result.file}, {"name", result.name}, {"passed", result.has_passed()}};
    if (result.runs > 1) object["passed_runs"] = result.runs_passed, object["runs"] = result.runs;
    if (result.is_left_out) object["left_out"] = true;
    if (!broken.empty()) object["broken"] = std::move(broken);
    return object;
}

// The scripts are checked as when calls are served.
boost::system::result<rehearsal::Stage, std::vector<Fault>> stage_of(config::Settings settings) {
    rehearsal::Stage stage;
    auto bundle = script::Library::build(settings.scripts.dir, settings.agents);
    if (!bundle) return bundle.error();
    stage.bundle = *bundle;
    stage.policy = call_policy(settings.calls);
    stage.settings = std::move(settings);
    return stage;
}

// By the call's id, or the beginning of it; or a file.
Checked<rehearsal::Recording> find_recording(const config::Settings& settings,
                                             const std::string& call_sid) {
    namespace fs = std::filesystem;
    std::error_code error;
    if (fs::is_regular_file(call_sid, error)) return rehearsal::Recording::load(call_sid);
    const std::string dir = rehearsal::recordings_dir(settings.store.path);
    std::vector<fs::path> found;
    for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
        const std::string name = it->path().filename().string();
        if (name.starts_with(call_sid) && name.ends_with(".events")) found.push_back(it->path());
    }
    if (found.size() == 1) return rehearsal::Recording::load(found.front().string());
    if (found.empty())
        return Fault{dir, fmt::format("there is no recording of {}", call_sid),
                     "calls are recorded while calls.record is events"};
    return Fault{dir, fmt::format("several recordings begin with {}", call_sid),
                 "give more of the call's id"};
}

}  // namespace

int test(config::Settings settings, const TestCommand& command) {
    auto built = stage_of(std::move(settings));
    if (!built) return refuse(built.error());
    const rehearsal::Stage& stage = *built;
    auto schema = config::FileSchema::load(schema_dir(), rehearsal::scenario_schema);
    if (!schema) return refuse({schema.error()});

    rehearsal::SuiteOptions options{.paths = command.paths, .filter = command.filter, .ink = ink()};
    if (command.model == TestCommand::Model::real) {
        if (stage.settings.openai.api_key.empty()) {
            return refuse({{"openai.api_key", "is not set, so there is no model to play with",
                            "set OPENAI_API_KEY, or leave out --live"}});
        }
        options.live = engine_options(stage.settings.openai);
        options.times = command.times;
    }
    options.load_stage =
        [](const std::string& file) -> boost::system::result<rehearsal::Stage, std::vector<Fault>> {
        auto beside = load_settings_beside(file);
        if (!beside) return beside.error();
        return stage_of(std::move(*beside));
    };
    rehearsal::Suite suite(stage, *schema, std::move(options));
    json::array results;
    const auto began = std::chrono::steady_clock::now();
    suite.run([&](const rehearsal::TestResult& result) {
        if (command.format == Format::json) {
            results.push_back(as_json(result));
        } else {
            fmt::print("{}", rehearsal::shown(result, ink()));
            std::fflush(stdout);
        }
    });
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double rate = seconds > 0 ? static_cast<double>(suite.turns()) / seconds : 0;
    if (command.format == Format::json) {
        const json::object all{{"passed", suite.passed()},
                               {"failed", suite.failed()},
                               {"turns", suite.turns()},
                               {"seconds", seconds},
                               {"tests", std::move(results)}};
        fmt::print("{}\n", json::serialize(all));
    } else {
        fmt::print("\n{} passed, {} failed; {} turns in {:.2f} s, {:.0f} a second\n",
                   suite.passed(), suite.failed(), suite.turns(), seconds, rate);
    }
    if (suite.passed() + suite.failed() == 0) {
        fmt::print(
            stderr,
            "parley: there is no test{}; scenarios are tests/scenarios/*.yaml, tests of scripts tests/scripts/*_test.lua\n",
            command.filter.empty() ? "" : " like that");
        return 2;
    }
    return suite.failed() == 0 ? 0 : 1;
}

int talk(config::Settings settings, const TalkCommand& command) {
    rehearsal::TalkOptions options;
    options.model = engine_options(settings.openai);
    auto stage = stage_of(std::move(settings));
    if (!stage) return refuse(stage.error());
    options.agent = command.agent;
    options.from = command.from;
    options.ink = ink();
    if (!command.scenario.empty()) {
        const auto schema = config::FileSchema::load(schema_dir(), rehearsal::scenario_schema);
        if (!schema) return refuse({schema.error()});
        auto scenario = rehearsal::Scenario::load(command.scenario, **schema);
        if (!scenario) return refuse(scenario.error());
        options.scenario = std::move(*scenario);
    }
    const bool is_terminal = isatty(STDIN_FILENO) != 0;
    const auto next_line = [&]() -> std::optional<std::string> {
        if (is_terminal) {
            fmt::print("> ");
            std::fflush(stdout);
        }
        std::string line;
        if (!std::getline(std::cin, line)) return std::nullopt;
        if (!is_terminal) fmt::print("> {}\n", line);
        return line;
    };
    const auto done =
        rehearsal::talk(*stage, std::move(options), next_line, [](const std::string& text) {
            fmt::print("{}", text);
            std::fflush(stdout);
        });
    if (!done) return refuse({done.error()});
    return 0;
}

int replay(config::Settings settings, const std::string& call_sid) {
    const auto recording = find_recording(settings, call_sid);
    if (!recording) return refuse({recording.error()});
    const auto stage = stage_of(std::move(settings));
    if (!stage) return refuse(stage.error());
    const auto replayed = rehearsal::replay(*recording, *stage);
    if (!replayed) return refuse({replayed.error()});
    if (replayed->difference) {
        fmt::print("{}: {}", recording->file, rehearsal::shown(*replayed->difference));
        return 1;
    }
    fmt::print(
        "{}: {} events, {} commands, all alike{}\n", recording->file, replayed->events,
        replayed->commands,
        replayed->is_cut ? "; the recording had grown too large and ends before the call" : "");
    return 0;
}

int scenario_from(config::Settings settings, const std::string& call_sid) {
    const auto recording = find_recording(settings, call_sid);
    if (!recording) return refuse({recording.error()});
    const auto stage = stage_of(std::move(settings));
    if (!stage) return refuse(stage.error());
    const auto schema = config::FileSchema::load(schema_dir(), rehearsal::scenario_schema);
    if (!schema) return refuse({schema.error()});
    const auto yaml = rehearsal::scenario_from(*recording, *stage, **schema);
    if (!yaml) return refuse({yaml.error()});
    fmt::print("{}", *yaml);
    return 0;
}

}  // namespace parley::app
