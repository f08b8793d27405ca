// vm.hpp: one call's LuaJIT state, its limits, and the handlers that run in it.
//
// Problem: scripts are written by people in a hurry. A loop that never ends, a table that never stops growing, a
// recursion through a C function must cost their own call a tool, and nobody else a frame of audio.
// Idea: JIT off, so that the count hook fires everywhere. Every 1000 instructions the hook looks at the clock: after
// a slice the handler's coroutine yields to the event loop and is resumed later; after its CPU budget it is never
// resumed. No pcall can catch that. Where a coroutine cannot yield (inside a sort or gsub function) the hook raises
// an error, at every instruction until the handler is out. Memory is counted round LuaJIT's own allocator. The hook
// also guards the C stack, which LuaJIT itself does not.
// Cost: about 16 % on script code.
//
// Owner:  ScriptAgent (or the builder of a bundle, for a scratch VM). Runs hold it by shared_ptr.
// Thread: one at a time, with at least 8 MB of stack.
// End:    the destructor closes the state; suspended handlers are simply forgotten.
#pragma once

#include "requests.hpp"
#include "values.hpp"

#include <parley/call/events.hpp>
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

using Bytecode = std::map<std::string, std::string, std::less<>>;  // "tools/check_slots.lua" -> bytecode
constexpr std::string_view prelude_path = "parley";  // our own Lua code; its frames are not shown to people

// Compiles text; where and what is wrong otherwise. `path` becomes the name in messages.
Checked<std::string> compile(const std::string& path, std::string_view source);
Checked<std::string> compile_prelude();
extern const std::string_view prelude_call;  // the part of it that makes `call`: prelude_call.cpp

enum class Kill { none, cpu, unyielding, memory };

// One handler's way through the VM: what goes in, what comes out, what it has used.
struct Run {
    std::string what;  // "tools/check_slots.lua", for the log
    std::chrono::nanoseconds cpu_max{};
    bool may_wait = true;  // false: db calls are mistakes here
    json::object arguments;

    Request request;                  // after Step::waiting
    Answer answer;                    // to be set before the next resume
    std::vector<call::Event> events;  // what the script asked of the call

    json::value output;
    Tree tree;             // of a file that was inspected
    std::string sentence;  // of fail()
    Trouble problem;       // and why
    bool gave_up = false;
    std::string idempotency_key;  // of a tool's run; the same when it is repeated
    std::optional<json::object> vars;  // as they were when the handler finished

    Kill kill = Kill::none;
    std::string error;  // with file and line
    std::string traceback;
    std::chrono::nanoseconds cpu_used{};
    int queries = 0;
    int log_lines = 0;
    int notes = 0;
    std::vector<std::string> opening;  // files whose top level is being run; nothing may wait there

 private:
    friend class Vm;
    lua_State* thread_ = nullptr;
    int anchor_ = 0;  // keeps the coroutine alive in the registry
    bool is_started_ = false;
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
        std::string script;  // the agent's file, without .lua
        WallTime started_at{};
        json::object vars;
        std::function<WallTime()> wall_now;
        std::shared_ptr<const TimeZone> zone;  // of time.today() and time.now() without a name
        std::optional<std::uint64_t> random_seed;
        bool has_call = true;  // false: a scratch VM, nothing is logged
    };
    enum class Step {
        finished,
        failed,   // an error in the script: `error` and `traceback` are set
        waiting,  // `request` is set: carry it out, set `answer`, resume
        paused,   // the slice is over: resume later
        killed,   // broke a limit: never resume; drop the VM
    };

    // `files` outlives the VM. Null when the memory limit is too small even for an empty VM.
    static std::shared_ptr<Vm> create(const Bytecode& files, Limits limits, World world);
    ~Vm();
    Vm(const Vm&) = delete;
    Vm& operator=(const Vm&) = delete;

    // Prepares one of the prelude's entries ("run_tool", "run_handler", "inspect", ...) as a coroutine.
    // False when there is no memory for it.
    bool start(Run& run, const char* entry, const std::vector<std::string>& arguments);
    Step resume(Run& run);
    // Resumes until it neither pauses nor waits: for scratch VMs. Waiting ends it.
    Step resume_to_end(Run& run);
    void forget(Run& run);  // the coroutine will not be resumed

    void collect();  // a full collection
    std::size_t memory_used() const { return used_; }

    // ---- for the bound functions --------------------------------------------------------------
    static Vm& of(lua_State* L);
    Run* running() const { return running_; }
    const World& world() const { return world_; }
    const Limits& limits() const { return limits_; }
    const Bytecode& files() const { return files_; }

    // Counts work done in C in units of about a nanosecond. False when it has used up the budget: the function
    // must then raise; it will not be caught.
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
    bool is_over_budget(std::chrono::nanoseconds cpu_max);
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
    const char* stack_base_ = nullptr;
    TimePoint slice_start_{};
    std::chrono::nanoseconds cpu_at_resume_{};
    TimePoint callback_start_{};
    int callback_depth_ = 0;
    std::uint64_t charged_ = 0;
    bool is_armed_early_ = false;
};

}  // namespace parley::script
