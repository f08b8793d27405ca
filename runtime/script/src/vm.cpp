#include "vm.hpp"

#include "bind.hpp"
#include "stack_end.hpp"
#include "test_prelude.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <lua.hpp>

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <random>

namespace parley::script {
namespace {

// LuaJIT answers a script that recurses through C functions with a crash: 1 MB of the thread's 8 MB
// is ours.
constexpr std::ptrdiff_t c_stack_max = 1024 * 1024;
constexpr int callback_depth_max = 16;
// look at the clock after so many nanoseconds of C work
constexpr std::uint64_t charge_check = 100'000;

std::chrono::nanoseconds thread_cpu() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

int panic(lua_State* L) {
    const char* text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "not a text";
    log::error("script.panic", {{"what", text}});  // Lua ran unprotected: a mistake of ours
    std::abort();
}

int append_dump(lua_State*, const void* bytes, std::size_t size, void* out) {
    static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
    return 0;
}

std::uint64_t fresh_seed() {
    static std::atomic<std::uint64_t> next =
        (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    std::uint64_t x = next.fetch_add(0x9E3779B97F4A7C15ULL);  // splitmix64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

}  // namespace

Checked<std::string> compile(const std::string& path, std::string_view source) {
    const std::unique_ptr<lua_State, void (*)(lua_State*)> state(luaL_newstate(), lua_close);
    if (!state) return Fault{path, "not enough memory to compile", ""};
    const std::string name = path == prelude_path ? "=" + path : "@" + path;
    // Mode "t": bytecode in a file could corrupt memory and is refused.
    if (luaL_loadbufferx(state.get(), source.data(), source.size(), name.c_str(), "t") != 0) {
        const char* message = lua_type(state.get(), -1) == LUA_TSTRING
                                  ? lua_tostring(state.get(), -1)
                                  : "cannot be read";
        std::string_view text(message);
        // "tools/x.lua:17: '=' expected near 'end'"
        if (text.starts_with(path + ":")) {
            const auto end = text.find(": ", path.size());
            if (end != std::string_view::npos) {
                // What is forgotten most, in words of those who write scripts.
                const bool is_in_table = text.find("'}' expected") != std::string_view::npos &&
                                         text.find("'<eof>'") == std::string_view::npos;
                return Fault{std::string(text.substr(0, end)), std::string(text.substr(end + 2)),
                             is_in_table ? "is a comma missing before it?" : ""};
            }
        }
        return Fault{
            path, std::string(text),
            source.starts_with("\033LJ") ? "scripts are text; bytecode is not accepted" : ""};
    }
    std::string bytecode;
    lua_dump(state.get(), append_dump, &bytecode);
    return Checked<std::string>(boost::system::in_place_value, std::move(bytecode));
}

// ---- life -------------------------------------------------------------------------------------

Vm::Vm(const Bytecode& files, Limits limits, World world)
    : files_(files), limits_(limits), world_(std::move(world)) {}

Vm::~Vm() {
    if (main_ == nullptr) return;
    running_ = nullptr;
    lua_setallocf(main_, own_allocate_, own_data_);  // so that LuaJIT returns its arena as a whole
    lua_close(main_);
}

std::shared_ptr<Vm> Vm::create(const Bytecode& files, Limits limits, World world) {
    std::shared_ptr<Vm> vm(new Vm(files, limits, std::move(world)));
    if (!vm->build()) return nullptr;
    return vm;
}

Vm& Vm::of(lua_State* L) {
    void* self = nullptr;
    lua_getallocf(L, &self);  // the one pointer that every coroutine of a VM can reach
    return *static_cast<Vm*>(self);
}

template <class Work>
bool Vm::protect(Work&& work) {
    using Plain = std::remove_reference_t<Work>;
    const int status = lua_cpcall(
        main_,
        [](lua_State* L) {
            Plain& todo = *static_cast<Plain*>(lua_touserdata(L, 1));
            lua_settop(L, 0);
            todo(L);
            return 0;
        },
        &work);
    if (status != 0) lua_settop(main_, 0);
    return status == 0;
}

bool Vm::build() {
    main_ = luaL_newstate();
    if (main_ == nullptr) return false;
    lua_atpanic(main_, panic);
    own_allocate_ = lua_getallocf(main_, &own_data_);
    used_ = static_cast<std::size_t>(lua_gc(main_, LUA_GCCOUNT, 0)) * 1024;
    lua_setallocf(main_, &Vm::allocate, this);
    const std::uint64_t seed = world_.random_seed.value_or(fresh_seed());
    const bool is_built = protect([&](lua_State* L) {
        add_list_mark(L);
        add_sandbox(L, seed);
        add_value_functions(L);
        add_time_functions(L);
        add_os_functions(L);
        add_crypto_functions(L);
        add_secret_functions(L);
        add_metric_functions(L);
        const auto prelude = files_.find(prelude_path);
        if (prelude == files_.end() ||
            luaL_loadbufferx(L, prelude->second.data(), prelude->second.size(), "=parley", "b") !=
                0) {
            lua_error(L);
        }
        lua_newtable(L);
        add_host_functions(L);
        add_sort_check(L);
        add_call_functions(L);
        add_line_functions(L);
        add_wait_functions(L);
        add_database_functions(L);
        add_http_functions(L);
        add_key_functions(L);
        push_json(L, world_.vars);
        lua_setfield(L, -2, "vars");
        lua_pushlstring(L, world_.call_sid.data(), world_.call_sid.size());
        lua_setfield(L, -2, "call_sid");
        lua_pushlstring(L, world_.from.data(), world_.from.size());
        lua_setfield(L, -2, "from");
        lua_pushlstring(L, world_.to.data(), world_.to.size());
        lua_setfield(L, -2, "to");
        lua_pushlstring(L, world_.agent.data(), world_.agent.size());
        lua_setfield(L, -2, "agent");
        lua_pushlstring(L, world_.direction.data(), world_.direction.size());
        lua_setfield(L, -2, "direction");
        lua_pushnumber(L, static_cast<double>(unix_ms(world_.started_at) / 1'000));
        lua_setfield(L, -2, "started_at");
        const auto tests = files_.find(test_prelude_path);
        if (tests != files_.end()) lua_pushvalue(L, -1);  // the host table is needed once more
        if (tests != files_.end()) lua_insert(L, -3);
        lua_call(L, 1, 1);
        if (tests != files_.end()) add_tests(L, tests->second);
        entries_ = luaL_ref(L, LUA_REGISTRYINDEX);
        if (tests != files_.end()) lua_pop(L, 1);
        lua_sethook(L, &Vm::hook, LUA_MASKCOUNT, limits_.budgets.instructions_per_check);
    });
    world_.vars = {};  // from now on they live in Lua
    return is_built;
}

// ---- limits -----------------------------------------------------------------------------------

void* Vm::allocate(void* self, void* block, std::size_t old_size, std::size_t new_size) {
    Vm& vm = *static_cast<Vm*>(self);
    const std::size_t freed = block == nullptr ? 0 : old_size;
    if (new_size > freed && vm.used_ - freed + new_size > vm.limits_.memory_bytes_max) {
        if (vm.running_ != nullptr && vm.running_->kill == Kill::none) {
            vm.running_->kill = Kill::memory;
            // the error that follows unwinds the stack and forgets the line
            vm.running_->where = vm.where(*vm.running_);
        }
        if (vm.running_ != nullptr && vm.running_->current_ != nullptr)
            mend_stack_end(vm.running_->current_->thread);
        return nullptr;
    }
    void* result = vm.own_allocate_(vm.own_data_, block, old_size, new_size);
    if (result != nullptr || new_size == 0) vm.used_ = vm.used_ - freed + new_size;
    return result;
}

void Vm::arm(lua_State* L, int instructions) {
    lua_sethook(L, &Vm::hook, LUA_MASKCOUNT, instructions);
}

// Of a function that C has called. The clock costs less and is looked at first; but a script whose
// thread had to wait for its core has done nothing wrong. What the slice computed before counts, too:
// that is little.
bool Vm::is_callback_too_long(TimePoint now) const {
    const auto max = limits_.budgets.unyielding_max;
    return now - callback_start_ >= max && thread_cpu() - cpu_at_resume_ >= max;
}

bool Vm::is_over_budget(std::chrono::nanoseconds cpu_max) {
    return running_->cpu_used + (thread_cpu() - cpu_at_resume_) > cpu_max;
}

// Nothing in here may need a destructor: lua_yield and luaL_error leave it by unwinding.
void Vm::hook(lua_State* L, lua_Debug*) {
    Vm& vm = of(L);
    if (vm.running_ == nullptr) return;
    Run& run = *vm.running_;
    const bool can_yield = lua_isyieldable(L) != 0;

    const std::ptrdiff_t depth =
        vm.stack_base_ - static_cast<const char*>(__builtin_frame_address(0));
    if (depth > c_stack_max || depth < -c_stack_max)
        luaL_error(L, "functions call each other too deeply");

    if (run.kill == Kill::none) {
        const TimePoint now = Clock::now();
        if (!can_yield) {
            if (!vm.is_callback_too_long(now)) {
                if (vm.is_armed_early_) {
                    vm.is_armed_early_ = false;
                    vm.arm(L, vm.limits_.budgets.instructions_per_check);
                }
                return;
            }
            run.kill = Kill::unyielding;
        } else {
            if (vm.is_armed_early_) {
                vm.is_armed_early_ = false;
                vm.arm(L, vm.limits_.budgets.instructions_per_check);
            }
            if (now - vm.slice_start_ < vm.limits_.budgets.slice) return;
            if (vm.is_over_budget(run.cpu_max)) run.kill = Kill::cpu;
            lua_yield(L, 0);
            return;
        }
    }
    // Killed. Out of a callback by an error at every instruction; then the coroutine yields for the
    // last time.
    if (can_yield) {
        lua_yield(L, 0);
        return;
    }
    vm.is_armed_early_ = true;
    vm.arm(L, 1);
    luaL_error(L, "stopped: this takes too long inside a function that cannot pause");
}

bool Vm::charge(lua_State* L, std::uint64_t nanoseconds) {
    charged_ += nanoseconds;
    if (charged_ < charge_check || running_ == nullptr) return true;
    charged_ = 0;
    const TimePoint now = Clock::now();
    if (callback_depth_ > 0 && is_callback_too_long(now)) {
        running_->kill = Kill::unyielding;
    } else if (now - slice_start_ > limits_.budgets.slice && is_over_budget(running_->cpu_max)) {
        running_->kill = Kill::cpu;
    }
    if (running_->kill != Kill::none || now - slice_start_ > limits_.budgets.slice) {
        is_armed_early_ = true;
        arm(L, 1);  // the next instruction yields
    }
    return running_->kill == Kill::none;
}

bool Vm::enter_callback() {
    if (callback_depth_ >= callback_depth_max) return false;
    if (callback_depth_++ == 0) callback_start_ = Clock::now();
    return true;
}

// ---- runs -------------------------------------------------------------------------------------

bool Vm::start(Run& run, const char* entry, const std::vector<std::string>& arguments) {
    return protect([&](lua_State* L) {
        auto strand = std::make_unique<Run::Strand>();
        strand->thread = lua_newthread(L);
        strand->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
        run.strands_.push_back(std::move(strand));
        lua_State* thread = run.strands_.back()->thread;
        lua_rawgeti(L, LUA_REGISTRYINDEX, entries_);
        lua_getfield(L, -1, entry);
        for (const auto& argument : arguments) lua_pushlstring(L, argument.data(), argument.size());
        luaL_checkstack(thread, static_cast<int>(arguments.size()) + 2, "too many arguments");
        lua_xmove(L, thread, static_cast<int>(arguments.size()) + 1);
    });
}

Vm::Step Vm::resume(Run& run) {
    stack_base_ = static_cast<const char*>(__builtin_frame_address(0));
    running_ = &run;
    run.kill = Kill::none;
    slice_start_ = Clock::now();
    cpu_at_resume_ = thread_cpu();

    Step step = Step::waiting;
    while (step == Step::waiting) {
        const auto is_ready = [](const auto& strand) {
            return strand->state == Run::Strand::State::ready;
        };
        if (run.current_ == nullptr || run.current_->state != Run::Strand::State::ready) {
            const auto next = std::find_if(run.strands_.begin(), run.strands_.end(), is_ready);
            if (next == run.strands_.end()) break;
            run.current_ = next->get();
        }
        step = turn(run, *run.current_);
    }

    run.cpu_used += thread_cpu() - cpu_at_resume_;
    running_ = nullptr;
    if (is_armed_early_) {
        is_armed_early_ = false;
        arm(main_, limits_.budgets.instructions_per_check);
    }
    if (step == Step::killed && run.where.empty()) run.where = where(run);
    return step;
}

// One turn of a strand, until it waits, is paused, or ends.
Vm::Step Vm::turn(Run& run, Run::Strand& strand) {
    run.request = std::monostate{};
    run.answer = std::exchange(strand.answer, std::monostate{});
    run.is_joining_ = false;
    callback_depth_ = 0;
    const int arguments = strand.is_started ? 0 : lua_gettop(strand.thread) - 1;
    strand.is_started = true;
    const int status = lua_resume(strand.thread, arguments);
    if (status == LUA_YIELD) return after_yield(run, strand);
    if (status == 0) {
        strand.state = Run::Strand::State::over;
        if (strand.parent == nullptr) return Step::finished;
        end_branch(run, strand);
        return Step::waiting;
    }
    const int top = lua_gettop(strand.thread);
    if (top > 0 && lua_type(strand.thread, top) == LUA_TSTRING) {
        run.error = in_plain_words(lua_tostring(strand.thread, top));
    } else {
        run.error = "an error without a text was raised";
    }
    if (run.error.find("stack overflow") != std::string::npos &&
        run.error.find(".lua:") == std::string::npos) {
        // LuaJIT says it without the place
        run.error = fmt::format("{}: {}", where(run), run.error);
    }
    // what runs out of memory now is not the script
    Run* const was_running = std::exchange(running_, nullptr);
    protect([&](lua_State* L) {
        luaL_traceback(L, strand.thread, nullptr, 0);
        run.traceback = without_own_frames(lua_tostring(L, -1));
    });
    running_ = was_running;
    return run.kill == Kill::none ? Step::failed : Step::killed;
}

Vm::Step Vm::after_yield(Run& run, Run::Strand& strand) {
    if (run.kill != Kill::none) return Step::killed;
    if (run.is_joining_) {
        strand.state = Run::Strand::State::joining;
        return Step::waiting;
    }
    if (run.request.index() == 0) {
        strand.answer = std::move(run.answer);  // it may not have been fetched yet
        return Step::paused;
    }
    strand.state = Run::Strand::State::waiting;
    strand.waits_for = run.next_request_++;
    strand.has_open_request = is_open_request(run.request);
    if (strand.has_open_request) ++open_requests_;
    run.requests.push_back({strand.waits_for, std::exchange(run.request, std::monostate{})});
    return Step::waiting;
}

// Branches of a branch that ended without joining them: it ran out of memory while it made them.
void Vm::drop_branches(Run& run, const Run::Strand& parent) {
    const auto is_child = [&](const auto& one) { return one->parent == &parent; };
    for (auto child = std::find_if(run.strands_.begin(), run.strands_.end(), is_child);
         child != run.strands_.end();
         child = std::find_if(run.strands_.begin(), run.strands_.end(), is_child)) {
        const auto dropped = std::move(*child);
        run.strands_.erase(child);
        drop_branches(run, *dropped);
        release(*dropped);
    }
}

void Vm::end_branch(Run& run, Run::Strand& strand) {
    drop_branches(run, strand);
    Run::Strand& parent = *strand.parent;
    if (--parent.branches_left == 0) parent.state = Run::Strand::State::ready;
    release(strand);
    std::erase_if(run.strands_, [&](const auto& one) { return one.get() == &strand; });
    run.current_ = nullptr;
}

void Vm::release(Run::Strand& strand) {
    if (strand.has_open_request) {
        strand.has_open_request = false;
        --open_requests_;
    }
    const int anchor = strand.anchor;
    protect([anchor](lua_State* L) { luaL_unref(L, LUA_REGISTRYINDEX, anchor); });
}

bool Vm::answer(Run& run, std::uint64_t request, Answer answer) {
    for (auto& strand : run.strands_) {
        if (strand->state != Run::Strand::State::waiting || strand->waits_for != request) continue;
        strand->state = Run::Strand::State::ready;
        strand->answer = std::move(answer);
        if (strand->has_open_request) {
            strand->has_open_request = false;
            --open_requests_;
        }
        return true;
    }
    return false;
}

void Vm::add_branch(lua_State* L) {
    auto strand = std::make_unique<Run::Strand>();
    strand->thread = lua_newthread(L);
    lua_insert(L, -2);
    lua_xmove(L, strand->thread, 1);
    strand->anchor = luaL_ref(L, LUA_REGISTRYINDEX);
    strand->parent = running_->current_;
    ++running_->current_->branches_left;
    running_->strands_.push_back(std::move(strand));
}

std::chrono::nanoseconds Vm::cpu_used() const {
    return running_->cpu_used + (thread_cpu() - cpu_at_resume_);
}

int Vm::branches() const { return static_cast<int>(running_->strands_.size()) - 1; }

const config::ScriptSettings& Vm::settings() const {
    static const config::ScriptSettings defaults;
    return world_.settings == nullptr ? defaults : *world_.settings;
}

std::string Vm::where(const Run& run) const {
    const Run::Strand* strand = run.current_;
    if (strand == nullptr && !run.strands_.empty()) strand = run.strands_.front().get();
    if (strand == nullptr) return {};
    lua_Debug frame;
    for (int level = 0; lua_getstack(strand->thread, level, &frame) != 0; ++level) {
        lua_getinfo(strand->thread, "Sl", &frame);
        if (frame.currentline > 0 && std::string_view(frame.short_src) != prelude_path)
            return fmt::format("{}:{}", frame.short_src, frame.currentline);
    }
    return {};
}

Vm::Step Vm::resume_to_end(Run& run) {
    while (true) {
        const Step step = resume(run);
        if (step != Step::paused) return step;
    }
}

void Vm::forget(Run& run) {
    for (auto& strand : run.strands_) release(*strand);
    run.strands_.clear();
    run.current_ = nullptr;
}

std::vector<std::string> Vm::names() {
    std::vector<std::string> names;
    const auto list_fields = [&names](lua_State* L, int table, const std::string& owner) {
        for (lua_pushnil(L); lua_next(L, table) != 0; lua_pop(L, 1)) {
            if (lua_type(L, -2) == LUA_TSTRING) names.push_back(owner + "." + lua_tostring(L, -2));
        }
    };
    protect([&](lua_State* L) {
        for (lua_pushnil(L); lua_next(L, LUA_GLOBALSINDEX) != 0; lua_pop(L, 1)) {
            if (lua_type(L, -2) != LUA_TSTRING) continue;
            const std::string name = lua_tostring(L, -2);
            if (lua_type(L, -1) == LUA_TTABLE) {
                list_fields(L, lua_gettop(L), name);
            } else {
                names.push_back(name);
            }
        }
        lua_rawgeti(L, LUA_REGISTRYINDEX, entries_);
        lua_getfield(L, -1, "call_fields");
        list_fields(L, lua_gettop(L), "call");
    });
    std::sort(names.begin(), names.end());
    return names;
}

void Vm::collect() {
    // shrinking its tables may allocate
    protect([](lua_State* L) { lua_gc(L, LUA_GCCOLLECT, 0); });
}

}  // namespace parley::script
