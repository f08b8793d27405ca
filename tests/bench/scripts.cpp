#include "scripts.hpp"

#include "load.hpp"

#include <parley/script/agent.hpp>

#include <fmt/format.h>
#include <boost/asio/io_context.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace parley::bench {
namespace {

namespace fs = std::filesystem;

constexpr int tools = 10;

struct NoEvents final : call::EventSink {
    void on(const call::Event&) override {}
};

std::string tool_name(int number) { return fmt::format("tool_{}", number); }

// An agent that looks around when it starts, and ten tools as people write them, which do nothing
// that takes time.
std::shared_ptr<const script::Bundle> bundle() {
    script::Library::Sources sources;
    std::string names;
    for (int i = 0; i < tools; ++i) {
        names += fmt::format("\"{}\", ", tool_name(i));
        sources["tools/" + tool_name(i) + ".lua"] =
            "return tool { api = 1, about = \"Looks up an order by its number.\",\n"
            "  params = { number = param.integer { \"The number of the order\", required = true } },\n"
            "  run = function(args, call) return { number = args.number, from = call.from } end }\n";
    }
    sources["agents/bench.lua"] = "return agent { api = 1, prompt = \"You help.\", tools = { " +
                                  names +
                                  "},\n  on_start = function(call) call.vars.seen = true end }\n";
    auto built = script::Library::build_from(sources);
    if (built) return *built;
    fmt::print(stderr, "{}\n", built.error().front().text());
    return nullptr;
}

double resident_kb() {
    std::ifstream file("/proc/self/statm");
    long pages = 0, resident = 0;
    file >> pages >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1024;
}

float us_since(TimePoint began) {
    return std::chrono::duration<float, std::micro>(Clock::now() - began).count();
}

class Calls {
 public:
    explicit Calls(std::shared_ptr<const script::Bundle> bundle) : bundle_(std::move(bundle)) {}

    // From nothing to an agent that has run its on_start.
    float begin() {
        script::AgentParts parts;
        parts.bundle = bundle_;
        parts.settings.name = "bench";
        parts.info.call_sid = fmt::format("CA{}", agents_.size());
        parts.info.from = "+15550001111";
        parts.events = &events_;
        parts.home = io_.get_executor();
        parts.time = &time_;
        const auto began = Clock::now();
        agents_.push_back(script::make_agent(std::move(parts)));
        bool is_ready = false;
        agents_.back()->prepare([&](const auto& profile) { is_ready = profile.has_value(); });
        run_until(is_ready);
        return us_since(began);
    }
    // From the model's request to the result for it.
    float run(std::size_t agent, int tool) {
        bool is_done = false;
        const std::string name = tool_name(tool);
        const auto began = Clock::now();
        agents_[agent]->run_tool({"call_1", name, R"({"number":4711})"},
                                 [&](const call::ToolFinished& result) { is_done = result.ok; });
        run_until(is_done);
        return us_since(began);
    }

 private:
    void run_until(const bool& is_done) {
        io_.restart();
        while (!is_done && io_.run_one() > 0) {
        }
    }

    std::shared_ptr<const script::Bundle> bundle_;
    boost::asio::io_context io_;
    IoTimekeeper time_{io_.get_executor()};
    NoEvents events_;
    std::vector<std::unique_ptr<call::Agent>> agents_;
};

void print(const char* what, Delays& delays) {
    fmt::print("{:<52} {:>8.1f} {:>8.1f} {:>8.1f}\n", what, delays.percentile(0.5),
               delays.percentile(0.95), delays.percentile(0.99));
}

}  // namespace

int measure_scripts(const ScriptsPlan& plan) {
    const auto scripts = bundle();
    if (!scripts) return 1;
    Calls calls(scripts);
    calls.begin();  // what is allocated once
    for (int tool = 0; tool < tools; ++tool) calls.run(0, tool);

    const double before = resident_kb();
    Delays ready, first;
    for (int i = 0; i < plan.calls; ++i) {
        ready.us.push_back(calls.begin());
        for (int tool = 0; tool < tools; ++tool)
            first.us.push_back(calls.run(static_cast<std::size_t>(i) + 1, tool));
    }
    const double each = (resident_kb() - before) / plan.calls;
    Delays again;
    for (int i = 0; i < plan.runs; ++i) again.us.push_back(calls.run(1, i % tools));

    fmt::print("{:<52} {:>8} {:>8} {:>8}\n", fmt::format("µs, {} tools", tools), "p50", "p95",
               "p99");
    print("a new VM, its scripts loaded, on_start run", ready);
    print("a tool call, request to result, the first of its tool", first);
    print("a tool call, request to result", again);
    fmt::print("memory of a VM after all its tools have run: {:.0f} KB\n", each);
    return 0;
}

}  // namespace parley::bench
