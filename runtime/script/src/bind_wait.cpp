// Waiting: what every function that waits shares, sleep(), and the branches of parallel{}.
#include "bind.hpp"

#include <cmath>

namespace parley::script {
namespace {

constexpr double sleep_seconds_max = 60;
constexpr int branches_max = 16;

void push_counts(lua_State* L, const store::QueryAnswer& answer) {
    lua_createtable(L, 0, 3);
    lua_pushnumber(L, static_cast<double>(answer.changes));
    lua_setfield(L, -2, "changes");
    lua_pushnumber(L, static_cast<double>(answer.last_id));
    lua_setfield(L, -2, "last_id");
}

// take_answer("rows" | "counts" | nothing): what the strand has waited for -> value | nil, problem
int take_answer(lua_State* L, Vm& vm, std::string& problem) {
    const std::string_view wanted = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "";
    Answer& answer = vm.running()->answer;  // lives on in the run: pushing may raise
    if (const auto* result = std::get_if<store::QueryResult>(&answer)) {
        if (result->has_error()) return push_problem(L, problem_of(result->error()));
        if (wanted == "rows") {
            push_json(L, json::value((*result)->rows));
        } else {
            push_counts(L, **result);
        }
        return 1;
    }
    if (const auto* result = std::get_if<TransactionResult>(&answer)) {
        if (result->has_error()) return push_problem(L, problem_of(result->error()));
        lua_newtable(L);
        int count = 0;
        for (const auto& one : **result) {
            push_counts(L, one);
            push_json(L, json::value(one.rows));
            lua_setfield(L, -2, "rows");
            lua_rawseti(L, -2, ++count);
        }
        mark_list(L);
        return 1;
    }
    if (auto* outcome = std::get_if<Outcome>(&answer)) {
        if (outcome->has_error()) return push_problem(L, outcome->error());
        push_json(L, **outcome);
        return 1;
    }
    problem = "there was no answer";
    return refused;
}

int sleep(lua_State* L, Vm& vm, std::string& problem) {
    const auto seconds = number_argument(L, 1, "sleep: seconds", 0, sleep_seconds_max, problem);
    if (!seconds || !may_wait(L, vm, "sleep", problem)) return refused;
    return wait_for(L, vm,
                    nap(milliseconds(static_cast<std::int64_t>(std::ceil(*seconds * 1'000)))));
}

// room_for(count): raises unless that many more branches may be made. Asked before the first of
// them, because a parallel() that fails halfway must leave none behind.
int room_for(lua_State* L, Vm& vm, std::string& problem) {
    if (vm.branches() + static_cast<int>(lua_tonumber(L, 1)) > branches_max) {
        problem = fmt::format("parallel: more than {} branches at a time", branches_max);
        return refused;
    }
    return 0;
}

// branch(f): it begins when the handler joins.
int branch(lua_State* L, Vm& vm, std::string&) {
    lua_settop(L, 1);
    vm.add_branch(L);
    return 0;
}

// join(): goes on when all branches have ended.
int join(lua_State* L, Vm& vm, std::string&) {
    vm.join();
    return lua_yield(L, 0);
}

// may_wait_for(function): raises where waiting is not possible.
int check_waiting(lua_State* L, Vm& vm, std::string& problem) {
    const char* function = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "this";
    return may_wait(L, vm, function, problem) ? 0 : refused;
}

}  // namespace

bool may_wait(lua_State* L, Vm& vm, const char* function, std::string& problem, Waits what) {
    Run* run = vm.running();
    if (run == nullptr || !run->may_wait || !run->opening.empty()) {
        problem = fmt::format(
            "{} cannot be used here: it waits, and this part of the file runs at loading; use it inside a function",
            function);
        return false;
    }
    if (lua_isyieldable(L) == 0) {
        problem = fmt::format(
            "{} cannot be used inside a function that cannot wait, such as __tostring", function);
        return false;
    }
    const Budgets& budgets = vm.limits().budgets;
    struct Kind {
        int& used;
        int max;
        const char* calls;
    };
    const auto kind = [&]() -> Kind {
        switch (what) {
            case Waits::for_database:
                return {run->used.database, budgets.queries_max, "database calls"};
            case Waits::for_web: return {run->used.web, budgets.web_requests_max, "web requests"};
            case Waits::for_keys: return {run->used.keys, budgets.key_calls_max, "kv calls"};
            case Waits::for_other: break;
        }
        return {run->used.other_waits, budgets.other_waits_max, "waits"};
    }();
    if (++kind.used > kind.max) {
        problem = fmt::format("{}: more than {} {} in one run", function, kind.max, kind.calls);
        return false;
    }
    const bool is_open = what == Waits::for_database || what == Waits::for_web;
    const int open_max = vm.settings().open_requests_max;
    if (is_open && vm.open_requests() >= open_max) {
        problem = fmt::format(
            "{}: more than {} requests of this call are open at once (scripts.open_requests_max)",
            function, open_max);
        return false;
    }
    return true;
}

int wait_for(lua_State* L, Vm& vm, Request request) {
    vm.running()->request = std::move(request);
    return lua_yield(L, 0);
}

int push_problem(lua_State* L, const Problem& problem) {
    lua_pushnil(L);
    push_json(L, json::value(problem.more));
    lua_pushlstring(L, problem.kind.data(), problem.kind.size());
    lua_setfield(L, -2, "kind");
    lua_pushlstring(L, problem.message.data(), problem.message.size());
    lua_setfield(L, -2, "message");
    lua_pushboolean(L, problem.retry ? 1 : 0);
    lua_setfield(L, -2, "retry");
    return 2;
}

void add_wait_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"take_answer", bound<take_answer>},
                                           {"sleep", bound<sleep>},
                                           {"room_for", bound<room_for>},
                                           {"branch", bound<branch>},
                                           {"join", bound<join>},
                                           {"check_waiting", bound<check_waiting>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
