// agent.hpp: one call's agent: its script and its tools, behind the port call::Agent.
//
// Each call has a sandboxed LuaJIT VM of its own (about 100 KB). A handler (a hook, a tool's run)
// is a coroutine with limits. Hooks run one at a time, in order; tools run beside them. A handler
// sleeps while it waits for the database; a long computation is cut into slices, so audio never
// waits for a script. A script that breaks its limits is abandoned, and no pcall can prevent that;
// the next tool call then gets a fresh VM with the call's vars as they were after the last finished
// handler.
//
// What the model gets from run_tool:
//   a result                      {...}                                                     ok
//   bad arguments, unknown tool   {"error":"bad_arguments","message":"date: expected ..."}  not ok
//   fail("sentence", problem)     {"failed":"sentence"}                                     not ok
//   an error, a limit, a timeout  {"error":"tool_failed","message":"I'm having trouble ..."}  not ok; the truth is in
//   the log
// An error in a hook is logged and the call goes on with the vars as they stand: a caller is
// waiting.
//
// Owner:  the call's Session. Thread: the executor given, one thread.
// End:    ended() gives up what runs and starts on_end, which may wait within Budgets::on_end_max; then `done` is
//         called. After that, or after destruction, no callback and no event fires.
#pragma once

#include <parley/call/ports.hpp>
#include <parley/config/settings.hpp>
#include <parley/script/library.hpp>
#include <parley/script/services.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::script {

// What one handler may use. The defaults are measured: a slice is far below an audio frame of 20
// ms, and a usual tool run takes 10 µs.
struct Budgets {
    std::chrono::microseconds slice{1'000};  // then the event loop gets its turn
    // False where time is virtual: nothing waits for a turn there, and the order of things must not
    // depend on how busy the machine is.
    bool gives_way = true;
    int instructions_per_check = 1'000;  // fewer costs more, more gains nothing
    // computing time inside a function that C calls (__tostring), which cannot pause
    std::chrono::microseconds unyielding_max{5'000};
    // wall clock: the call's last word must not hold up a shutdown
    std::chrono::milliseconds on_end_max{5'000};
    int queries_max = 20;       // per run; so are the next seven
    int web_requests_max = 20;  // retries not counted
    int key_calls_max = 50;
    int other_waits_max = 50;  // sleep, parallel, say
    int log_lines_max = 50;
    int metric_calls_max = 200;
    int notes_max = 50;
    int line_calls_max = 20;  // transfer, hold, resume, send_digits, start and stop recording
    std::size_t hooks_queued_max = 32;  // of one call; beyond it a hook is dropped and logged
    std::size_t runs_max = 16;          // tools of one call at the same time
};

// What a call in progress may go on with: other scripts, with the settings that suit them.
struct Newer {
    std::shared_ptr<const Bundle> bundle;
    config::AgentSettings settings;
    config::ScriptSettings limits;
};

struct AgentParts {
    std::shared_ptr<const Bundle> bundle;
    config::AgentSettings settings;
    config::ScriptSettings limits;
    call::CallInfo info;
    call::EventSink* events = nullptr;  // outlives the agent
    boost::asio::any_io_executor home;
    // outlives the agent; deadlines, sleeps and the time of day go by it
    Timekeeper* time = nullptr;
    Services services = {};
    Budgets budgets = {};
    // asked by adopt(); empty: the call keeps what it has
    std::function<std::optional<Newer>()> newer = {};
    std::optional<std::uint64_t> random_seed = {};  // of math.random; empty: a new one for each VM
    // instead of those its script lists; for tests of tools
    std::optional<std::vector<std::string>> tools = {};
    // told of call.vars after each handler; for rehearsals
    std::function<void(const json::object& vars)> vars_kept = {};
};

std::unique_ptr<call::Agent> make_agent(AgentParts parts);

}  // namespace parley::script
