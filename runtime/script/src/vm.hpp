// vm.hpp: one call's LuaJIT state, its limits, and the handlers that run in it.
//
// Problem: scripts are written by people in a hurry. A loop that never ends, a table that never
// stops growing, a recursion through a C function must cost their own call a tool, and nobody else
// a frame of audio.
// Idea: JIT off, so that the count hook fires everywhere. Every 1000 instructions the hook looks at
// the clock: after a slice the handler's coroutine yields to the event loop and is resumed later;
// after its CPU budget it is never resumed. No pcall can catch that. Where a coroutine cannot yield
// (inside __tostring, called by string.format) the hook raises an error, at every instruction until the handler
// is out. Memory is counted round LuaJIT's own allocator. The hook also guards the C stack, which
// LuaJIT itself does not.
// Cost: about 16 % on script code.
//
// Owner:  ScriptAgent (or the builder of a bundle, for a scratch VM). Runs hold it by shared_ptr.
// Thread: one at a time, with at least 8 MB of stack.
// End:    the destructor closes the state; suspended handlers are simply forgotten.
#pragma once

#include "requests.hpp"
#include "values.hpp"

#include <parley/call/events.hpp>
#include <parley/core/metrics.hpp>
#include <parley/script/agent.hpp>
#include <parley/script/calendar.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

struct lua_State;
struct lua_Debug;

namespace parley::script {

// "tools/check_slots.lua" -> bytecode
using Bytecode = std::map<std::string, std::string, std::less<>>;
// our own Lua code; its frames are not shown to people
constexpr std::string_view prelude_path = "parley";

// Compiles text; where and what is wrong otherwise. `path` becomes the name in messages.
Checked<std::string> compile(const std::string& path, std::string_view source);
Checked<std::string> compile_prelude();
// the part about db, http, kv, sleep and parallel: prelude_modules.cpp
extern const std::string_view prelude_modules;
extern const std::string_view prelude_call;  // the part of it that makes `call`: prelude_call.cpp

enum class Kill { none, cpu, unyielding, memory };

// What a strand of a run waits for. `id` tells the answers apart.
struct Outgoing {
    std::uint64_t id = 0;
    Request request;
};

// How often a handler has used what is counted per run.
struct Used {
    int database = 0, web = 0, keys = 0, other_waits = 0;
    int log_lines = 0, metrics = 0, notes = 0, line_calls = 0;
};

// One handler's way through the VM: what goes in, what comes out, what it has used.
//
// A run has one strand, its handler, until that calls parallel{}: then the branches are strands
// too, and the handler goes on when all of them have ended. They take turns where they wait; none
// runs at the same time as another.
struct Run {
    std::string what;  // "tools/check_slots.lua", for the log
    std::chrono::nanoseconds cpu_max{};
    bool may_wait = true;  // false: db calls are mistakes here
    json::object arguments;

    // after Step::waiting: what is new; carry them out and give Vm::answer()
    std::vector<Outgoing> requests;
    std::vector<call::Event> events;  // what the script asked of the call

    json::value output;
    Tree tree;             // of a file that was inspected
    std::string sentence;  // of fail()
    Problem problem;       // and why
    bool gave_up = false;
    std::string idempotency_key;       // of a tool's run; the same when it is repeated
    std::optional<json::object> vars;  // as they were when the handler finished
    bool has_bad_vars = false;         // it has made of them what cannot be kept

    Kill kill = Kill::none;
    std::string error;  // with file and line
    std::string where;  // of a killed run: "tools/x.lua:12"
    std::string traceback;
    std::chrono::nanoseconds cpu_used{};
    Used used;
    std::vector<std::string> opening;  // files whose top level is being run; nothing may wait there

    // For the bound functions, between a yield and the next turn of the strand.
    Request request;
    Answer answer;

 private:
    friend class Vm;
    struct Strand {
        lua_State* thread = nullptr;
        int anchor = 0;  // keeps the coroutine alive in the registry
        enum class State { ready, waiting, joining, over } state = State::ready;
        bool is_started = false;
        Strand* parent = nullptr;
        int branches_left = 0;  // joining: until then
        std::uint64_t waits_for = 0;
        bool has_open_request = false;  // counted by the VM
        Answer answer;
    };
    std::vector<std::unique_ptr<Strand>> strands_;
    Strand* current_ = nullptr;  // it goes on until it waits
    std::uint64_t next_request_ = 1;
    bool is_joining_ = false;  // the current strand yields to wait for its branches
};

class Vm : public std::enable_shared_from_this<Vm> {
 public:
    struct Limits {
        std::size_t memory_bytes_max = 8 * 1024 * 1024;
        std::size_t output_bytes_max = 64 * 1024;
        Budgets budgets = {};
    };
    // What the scripts may know of the world.
    struct World {
        std::string call_sid, from, to, agent, direction;
        std::string other_party;  // whom it remembers
        std::string script;       // the agent's file, without .lua
        WallTime started_at{};
        json::object vars;
        std::function<WallTime()> wall_now;
        std::shared_ptr<const TimeZone> zone;  // of time.today() and time.now() without a name
        std::optional<std::uint64_t> random_seed;
        bool has_call = true;                              // false: a scratch VM, nothing is logged
        const config::ScriptSettings* settings = nullptr;  // outlives the VM; null: the defaults
        // outlives the VM; null: nothing is counted
        metrics::Registry* metrics = nullptr;
        int* messages_sent = nullptr;  // in this call; outlives the VM
    };
    enum class Step {
        finished,
        failed,   // an error in the script: `error` and `traceback` are set
        waiting,  // carry out what is new in `requests`, give each an answer(), resume
        paused,   // the slice is over: resume later
        killed,   // broke a limit: never resume; drop the VM
    };

    // `files` outlives the VM. Null when the memory limit is too small even for an empty VM.
    static std::shared_ptr<Vm> create(const Bytecode& files, Limits limits, World world);
    ~Vm();
    Vm(const Vm&) = delete;
    Vm& operator=(const Vm&) = delete;

    // Prepares one of the prelude's entries ("run_tool", "run_handler", "inspect", ...) as a
    // coroutine. False when there is no memory for it.
    bool start(Run& run, const char* entry, const std::vector<std::string>& arguments);
    Step resume(Run& run);
    // Resumes until it neither pauses nor waits: for scratch VMs. Waiting ends it.
    Step resume_to_end(Run& run);
    // Hands an answer to the strand that waits for it. False when none does.
    bool answer(Run& run, std::uint64_t request, Answer answer);
    void forget(Run& run);  // its coroutines will not be resumed
    // "tools/x.lua:12", where the run stands; empty when that is in our own code only.
    std::string where(const Run& run) const;

    void collect();  // a full collection
    // Everything a script can name: "sleep", "http.get", "json.null", "call.from"; for the test of
    // the annotations.
    std::vector<std::string> names();
    std::size_t memory_used() const { return used_; }

    // ---- for the bound functions --------------------------------------------------------------
    static Vm& of(lua_State* L);
    Run* running() const { return running_; }
    const World& world() const { return world_; }
    const Limits& limits() const { return limits_; }
    const Bytecode& files() const { return files_; }
    const config::ScriptSettings& settings() const;
    // Makes a branch of the running strand from the function on top of the stack, and takes it off.
    void add_branch(lua_State* L);
    std::chrono::nanoseconds cpu_used() const;            // by the running handler
    int branches() const;                                 // of the run, not yet over
    void join() { running_->is_joining_ = true; }         // then yield
    int open_requests() const { return open_requests_; }  // of all runs: database and web

    // Counts work done in C in units of about a nanosecond. False when it has used up the budget:
    // the function must then raise; it will not be caught.
    bool charge(lua_State* L, std::uint64_t nanoseconds);
    // Round a call back into Lua that cannot yield. False when nested too deeply.
    bool enter_callback();
    void leave_callback() { --callback_depth_; }

 private:
    Vm(const Bytecode& files, Limits limits, World world);
    bool build();
    template <class Work>
    bool protect(Work&& work);

    static void* allocate(void* self, void* block, std::size_t old_size, std::size_t new_size);
    static void hook(lua_State* L, lua_Debug* record);
    bool is_callback_too_long(TimePoint now) const;
    bool is_over_budget(std::chrono::nanoseconds cpu_max);
    Step turn(Run& run, Run::Strand& strand);
    Step after_yield(Run& run, Run::Strand& strand);
    void drop_branches(Run& run, const Run::Strand& parent);
    void end_branch(Run& run, Run::Strand& strand);
    void release(Run::Strand& strand);
    void arm(lua_State* L, int instructions);

    const Bytecode& files_;
    Limits limits_;
    World world_;

    lua_State* main_ = nullptr;
    void* (*own_allocate_)(void*, void*, std::size_t, std::size_t) = nullptr;  // LuaJIT's own
    void* own_data_ = nullptr;
    std::size_t used_ = 0;
    int entries_ = 0;  // registry reference of the prelude's table of entries

    Run* running_ = nullptr;
    int open_requests_ = 0;
    const char* stack_base_ = nullptr;
    TimePoint slice_start_{};
    std::chrono::nanoseconds cpu_at_resume_{};
    TimePoint callback_start_{};
    int callback_depth_ = 0;
    std::uint64_t charged_ = 0;
    bool is_armed_early_ = false;
};

}  // namespace parley::script
