#include "rehearsal_commands.hpp"

#include "paths.hpp"
#include "wiring.hpp"

#include <parley/rehearsal/scenario.hpp>
#include <parley/rehearsal/suite.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace parley::app {
namespace {

rehearsal::Ink ink() { return isatty(STDOUT_FILENO) != 0 ? rehearsal::Ink::ansi : rehearsal::Ink::plain; }

int refuse(const std::vector<Fault>& faults) {
    for (const auto& fault : faults) fmt::print(stderr, "parley: {}\n", fault.text());
    return 2;
}

json::object as_json(const rehearsal::TestResult& result) {
    json::array broken;
    for (const auto& each : result.broken) broken.push_back({{"where", each.where}, {"what", each.what}, {"found", each.found}});
    json::object object{{"file", result.file}, {"name", result.name}, {"passed", result.has_passed()}};
    if (!broken.empty()) object["broken"] = std::move(broken);
    return object;
}

}  // namespace

int test(config::Settings settings, const TestCommand& command) {
    rehearsal::Stage stage;
    auto bundle = script::Library::build(settings.scripts.dir, settings.agents);
    if (!bundle) return refuse(bundle.error());
    stage.bundle = *bundle;
    stage.policy = call_policy(settings.calls);
    stage.settings = std::move(settings);
    auto schema = config::FileSchema::load(schema_dir(), rehearsal::scenario_schema);
    if (!schema) return refuse({schema.error()});

    rehearsal::Suite suite(stage, *schema, {.paths = command.paths, .filter = command.filter, .ink = ink()});
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
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    const double rate = seconds > 0 ? static_cast<double>(suite.turns()) / seconds : 0;
    if (command.format == Format::json) {
        const json::object all{{"passed", suite.passed()}, {"failed", suite.failed()}, {"turns", suite.turns()},
                               {"seconds", seconds}, {"tests", std::move(results)}};
        fmt::print("{}\n", json::serialize(all));
    } else {
        fmt::print("\n{} passed, {} failed; {} turns in {:.2f} s, {:.0f} a second\n", suite.passed(), suite.failed(), suite.turns(), seconds, rate);
    }
    if (suite.passed() + suite.failed() == 0) {
        fmt::print(stderr, "parley: there is no test{}; scenarios are tests/scenarios/*.yaml, tests of scripts tests/scripts/*_test.lua\n",
                   command.filter.empty() ? "" : " like that");
        return 2;
    }
    return suite.failed() == 0 ? 0 : 1;
}

}  // namespace parley::app
