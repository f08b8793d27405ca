#include <parley/script/script_test.hpp>

#include "bundle.hpp"
#include "test_prelude.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <map>

namespace parley::script {
namespace {

constexpr std::chrono::milliseconds cpu_max{1'000};  // of one test
constexpr std::size_t memory_bytes_max = 32 * 1024 * 1024;
constexpr int steps_max = 100'000;  // waits and pauses of one test

std::shared_ptr<Vm> test_vm(const Bytecode& files, std::function<WallTime()> wall_now,
                            std::shared_ptr<const TimeZone> zone,
                            const config::ScriptSettings* settings) {
    Vm::Limits limits;
    limits.memory_bytes_max = memory_bytes_max;
    limits.output_bytes_max = 1024 * 1024;
    limits.budgets.queries_max = 1'000;
    Vm::World world;
    world.wall_now = std::move(wall_now);
    world.zone = std::move(zone);
    world.random_seed = 1;
    world.settings = settings;
    return Vm::create(files, limits, std::move(world));
}

// "tests/x_test.lua:7: expected 1\nfound 2"
ScriptTests::Failure failure_of(const std::string& path, const Run& run, Vm::Step step) {
    std::string message = run.error;
    if (step == Vm::Step::killed) {
        message = run.kill == Kill::memory
                      ? fmt::format("used more than {} bytes of memory", memory_bytes_max)
                      : fmt::format("used more than {} ms of computing time", cpu_max.count());
    }
    ScriptTests::Failure failure{
        .where = path, .what = message, .found = "", .traceback = run.traceback};
    const auto colon = message.find(".lua:");
    const auto end = message.find(": ", colon == std::string::npos ? 0 : colon);
    if (colon != std::string::npos && end != std::string::npos) {
        failure.where = message.substr(0, end);
        failure.what = message.substr(end + 2);
    }
    if (const auto found = failure.what.find("\nfound "); found != std::string::npos) {
        failure.found = failure.what.substr(found + 7);
        failure.what.resize(found);
    }
    return failure;
}

}  // namespace

Checked<ScriptTests> ScriptTests::load(std::shared_ptr<const Bundle> bundle,
                                       const std::string& path, std::string_view source) {
    auto compiled = compile(path, source);
    if (!compiled) return compiled.error();
    auto prelude = compile_test_prelude();
    if (!prelude) return prelude.error();
    auto files = std::make_shared<Bytecode>(bundle->content().files);
    (*files)[path] = std::move(*compiled);
    (*files)[std::string(test_prelude_path)] = std::move(*prelude);

    ScriptTests tests;
    tests.bundle_ = std::move(bundle);
    tests.path_ = path;
    const auto vm = test_vm(
        *files, [] { return WallTime(); }, TimeZone::find("UTC"), nullptr);
    Run run;
    run.what = path;
    run.cpu_max = cpu_max;
    run.may_wait = false;
    if (!vm || !vm->start(run, "list_tests", {path}))
        return Fault{path, "not enough memory to load the file", ""};
    if (const auto step = vm->resume_to_end(run); step != Vm::Step::finished) {
        auto failure = failure_of(path, run, step);
        return Fault{std::move(failure.where), std::move(failure.what), ""};
    }
    for (const auto& each : run.tree.list) {
        const auto* name = each.find("name");
        const auto* line = each.find("line");
        if (name != nullptr && line != nullptr)
            tests.tests_.push_back({name->text, static_cast<std::size_t>(line->number)});
    }
    tests.files_ = std::move(files);
    return tests;
}

std::optional<ScriptTests::Failure> ScriptTests::run(std::size_t index, TestHost& host) const {
    const auto vm = test_vm(
        *files_, [&host] { return host.time().wall_now(); }, host.zone(), &host.settings());
    Run run;
    run.what = path_;
    run.cpu_max = cpu_max;
    if (!vm || !vm->start(run, "run_test", {path_, std::to_string(index + 1)}))
        return Failure{path_, "not enough memory to run the test", "", ""};
    const Around around{host.services(), host.time(), host.home()};
    std::map<std::uint64_t, std::shared_ptr<void>> pending;  // what keeps a request going
    bool has_answer = false;
    for (int steps = 0; steps < steps_max; ++steps) {
        const auto step = vm->resume(run);
        if (step == Vm::Step::finished) return std::nullopt;
        if (step != Vm::Step::paused && step != Vm::Step::waiting)
            return failure_of(path_, run, step);
        has_answer = step == Vm::Step::paused;
        for (auto& [request, wanted] : std::exchange(run.requests, {})) {
            if (const auto* asked = std::get_if<HostRequest>(&wanted)) {
                has_answer =
                    vm->answer(run, request, host.ask(asked->what, asked->arguments)) || has_answer;
                continue;
            }
            if (std::holds_alternative<SayRequest>(wanted)) {
                has_answer =
                    vm->answer(run, request, call::SayDone{0, call::SayDone::How::no_model, ""}) ||
                    has_answer;
                continue;
            }
            // Answers come on this thread, from go_on() or at once.
            const auto take = [&, id = request](Answer answer) {
                has_answer = vm->answer(run, id, std::move(answer)) || has_answer;
            };
            pending[request] = ask(std::move(wanted), around, take);
        }
        while (!has_answer) {
            if (!host.go_on())
                return Failure{path_, "waits for something that does not come", "", ""};
        }
    }
    return Failure{path_, fmt::format("waited more than {} times", steps_max), "", ""};
}

}  // namespace parley::script
