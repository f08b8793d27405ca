#include "vm.hpp"

#include "bind.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <lua.hpp>

#include <time.h>

#include <cstdlib>
#include <random>

namespace parley::script {
namespace {

// LuaJIT answers a script that recurses through C functions with a crash: 1 MB of the thread's 8 MB is ours.
constexpr std::ptrdiff_t c_stack_max = 1024 * 1024;
constexpr int callback_depth_max = 16;
constexpr std::uint64_t charge_check = 100'000;  // look at the clock after so many nanoseconds of C work

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
    static std::atomic<std::uint64_t> next = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
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
        const char* message =
            lua_type(state.get(), -1) == LUA_TSTRING ? lua_tostring(state.get(), -1) : "cannot be read";
        std::string_view text(message);
        // "tools/x.lua:17: '=' expected near 'end'"
        if (text.starts_with(path + ":")) {
            const auto end = text.find(": ", path.size());
            if (end != std::string_view::npos)
                return Fault{std::string(text.substr(0, end)), std::string(text.substr(end + 2)), ""};
        }
        return Fault{path, std::string(text),
                     source.starts_with("\033LJ") ? "scripts are text; bytecode is not accepted" : ""};
    }
    std::string bytecode;
    lua_dump(state.get(), append_dump, &bytecode);
    return Checked<std::string>(boost::system::in_place_value, std::move(bytecode));
}

// ---- life -------------------------------------------------------------------------------------

Vm::Vm(const Bytecode& files, Limits limits, World world) : files_(files), limits_(limits), world_(std::move(world)) {}

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
        const auto prelude = files_.find(prelude_path);
        if (prelude == files_.end() ||
            luaL_loadbufferx(L, prelude->second.data(), prelude->second.size(), "=parley", "b") != 0) {
            lua_error(L);
        }
        lua_newtable(L);
        add_host_functions(L);
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
        lua_call(L, 1, 1);
        entries_ = luaL_ref(L, LUA_REGISTRYINDEX);
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
        if (vm.running_ != nullptr && vm.running_->kill == Kill::none) vm.running_->kill = Kill::memory;
        return nullptr;
    }
    void* result = vm.own_allocate_(vm.own_data_, block, old_size, new_size);
    if (result != nullptr || new_size == 0) vm.used_ = vm.used_ - freed + new_size;
    return result;
}

void Vm::arm(lua_State* L, int instructions) {
    lua_sethook(L, &Vm::hook, LUA_MASKCOUNT, instructions);
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

    const std::ptrdiff_t depth = vm.stack_base_ - static_cast<const char*>(__builtin_frame_address(0));
    if (depth > c_stack_max || depth < -c_stack_max) luaL_error(L, "functions call each other too deeply");

    if (run.kill == Kill::none) {
        const TimePoint now = Clock::now();
        if (!can_yield) {
            if (now - vm.callback_start_ < vm.limits_.budgets.unyielding_max) {
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
    // Killed. Out of a callback by an error at every instruction; then the coroutine yields for the last time.
    if (can_yield) {
        lua_yield(L, 0);
        return;
    }
    vm.is_armed_early_ = true;
    vm.arm(L, 1);
    luaL_error(L, "stopped: this takes too long inside a sort or gsub function");
}

bool Vm::charge(lua_State* L, std::uint64_t nanoseconds) {
    charged_ += nanoseconds;
    if (charged_ < charge_check || running_ == nullptr) return true;
    charged_ = 0;
    const TimePoint now = Clock::now();
    if (callback_depth_ > 0 && now - callback_start_ > limits_.budgets.unyielding_max) {
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
        run.thread_ = lua_newthread(L);
        run.anchor_ = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_rawgeti(L, LUA_REGISTRYINDEX, entries_);
        lua_getfield(L, -1, entry);
        for (const auto& argument : arguments) lua_pushlstring(L, argument.data(), argument.size());
        luaL_checkstack(run.thread_, static_cast<int>(arguments.size()) + 2, "too many arguments");
        lua_xmove(L, run.thread_, static_cast<int>(arguments.size()) + 1);
    });
}

Vm::Step Vm::resume(Run& run) {
    stack_base_ = static_cast<const char*>(__builtin_frame_address(0));
    running_ = &run;
    run.request = std::monostate{};
    run.kill = Kill::none;
    callback_depth_ = 0;
    slice_start_ = Clock::now();
    cpu_at_resume_ = thread_cpu();

    const int arguments = run.is_started_ ? 0 : lua_gettop(run.thread_) - 1;
    run.is_started_ = true;
    const int status = lua_resume(run.thread_, arguments);

    run.cpu_used += thread_cpu() - cpu_at_resume_;
    running_ = nullptr;
    if (is_armed_early_) {
        is_armed_early_ = false;
        arm(main_, limits_.budgets.instructions_per_check);
    }
    if (status == LUA_YIELD) {
        if (run.kill != Kill::none) return Step::killed;
        return run.request.index() == 0 ? Step::paused : Step::waiting;
    }
    if (status == 0) return Step::finished;

    const int top = lua_gettop(run.thread_);
    if (top > 0 && lua_type(run.thread_, top) == LUA_TSTRING) {
        run.error = in_plain_words(lua_tostring(run.thread_, top));
    } else {
        run.error = "an error without a text was raised";
    }
    protect([&](lua_State* L) {
        luaL_traceback(L, run.thread_, nullptr, 0);
        run.traceback = without_own_frames(lua_tostring(L, -1));
    });
    return run.kill == Kill::none ? Step::failed : Step::killed;
}

Vm::Step Vm::resume_to_end(Run& run) {
    while (true) {
        const Step step = resume(run);
        if (step != Step::paused) return step;
    }
}

void Vm::forget(Run& run) {
    if (run.thread_ == nullptr) return;
    run.thread_ = nullptr;
    const int anchor = run.anchor_;
    protect([anchor](lua_State* L) { luaL_unref(L, LUA_REGISTRYINDEX, anchor); });
}

void Vm::collect() {
    protect([](lua_State* L) { lua_gc(L, LUA_GCCOLLECT, 0); });  // shrinking its tables may allocate
}

}  // namespace parley::script
