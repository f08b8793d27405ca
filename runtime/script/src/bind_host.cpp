// What the prelude needs of C++: the log, files of the bundle, and the ends of a handler. The call:
// bind_call.cpp. Scripts see none of this directly.
#include "bind.hpp"
#include "secrets.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

std::vector<std::string> names_of_globals(lua_State* L) {
    std::vector<std::string> names;
    for (lua_pushnil(L); lua_next(L, LUA_GLOBALSINDEX) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING) names.emplace_back(lua_tostring(L, -2));
    }
    return names;
}

int raise_text(lua_State* L, Vm&, std::string& problem) {
    problem = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "error";
    return refused;
}

// After a pcall that failed: a broken limit goes on failing.
int check_kill(lua_State*, Vm& vm, std::string& problem) {
    if (vm.running() == nullptr || vm.running()->kill == Kill::none) return 0;
    problem =
        vm.running()->kill == Kill::memory ? "not enough memory" : "stopped: too much computing";
    return refused;
}

int unknown_name(lua_State* L, Vm&, std::string& problem) {
    const std::string name = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "?";
    problem = fmt::format("unknown name `{}`", name);
    if (name == "call") {
        problem += "; it is passed to the function: run = function(args, call)";
    } else if (const auto near = did_you_mean(name, names_of_globals(L))) {
        problem += fmt::format("; did you mean `{}`?", *near);
    }
    return refused;
}

// guard_globals(on_read, on_write): from now on the globals are complete.
int guard_globals(lua_State* L, Vm&, std::string&) {
    lua_settop(L, 2);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, 2);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, LUA_GLOBALSINDEX);
    return 0;
}

// ---- files ------------------------------------------------------------------------------------

bool is_module_name(std::string_view name) {
    if (!name.starts_with("lib.")) return false;
    char before = '.';
    for (const char c : name.substr(4)) {
        const bool is_word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
        if (!is_word && (c != '.' || before == '.')) return false;
        before = c;
    }
    return before != '.';
}

// require's argument -> the file's path.
int module_path(lua_State* L, Vm& vm, std::string& problem) {
    const auto name = text_argument(L, 1, "require", problem);
    if (!name) return refused;
    if (!is_module_name(*name)) {
        problem = fmt::format(
            "require \"{}\": expected a name like \"lib.calendar\": lower-case words of scripts/lib joined by dots",
            shortened(*name, 80));
        return refused;
    }
    std::string path(*name);
    std::replace(path.begin(), path.end(), '.', '/');
    path += ".lua";
    if (!vm.files().contains(path)) {
        std::vector<std::string> known;
        for (const auto& [file, bytecode] : vm.files()) {
            if (!file.starts_with("lib/")) continue;
            std::string module = file.substr(0, file.size() - 4);
            std::replace(module.begin(), module.end(), '/', '.');
            known.push_back(std::move(module));
        }
        problem = fmt::format("require \"{}\": there is no file {}", *name, path);
        if (const auto near = did_you_mean(*name, known))
            problem += fmt::format("; did you mean \"{}\"?", *near);
        return refused;
    }
    lua_pushlstring(L, path.data(), path.size());
    return 1;
}

// Notes that a file's top level begins, and gives its function.
int open_file(lua_State* L, Vm& vm, std::string& problem) {
    const auto path = text_argument(L, 1, "open", problem);
    if (!path) return refused;
    const auto file = vm.files().find(*path);
    Run* run = vm.running();
    if (file == vm.files().end() || run == nullptr) {
        problem = fmt::format("there is no file {}", *path);
        return refused;
    }
    if (std::find(run->opening.begin(), run->opening.end(), *path) != run->opening.end()) {
        problem = "files require each other in a circle: ";
        for (const auto& open : run->opening) problem += open + " -> ";
        problem += *path;
        return refused;
    }
    const std::string name = "@" + file->first;
    if (luaL_loadbufferx(L, file->second.data(), file->second.size(), name.c_str(), "b") != 0)
        return raised;
    run->opening.push_back(file->first);
    return 1;
}

int close_file(lua_State*, Vm& vm, std::string&) {
    if (vm.running() != nullptr && !vm.running()->opening.empty()) vm.running()->opening.pop_back();
    return 0;
}

int inspect(lua_State* L, Vm& vm, std::string& problem) {
    vm.running()->tree = {};
    return read_tree(L, 1, vm.running()->tree, problem) ? 0 : refused;
}

int current_line(lua_State* L, Vm&, std::string&) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame) != 0; ++level) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline > 0 && std::string_view(frame.short_src) != prelude_path) {
            lua_pushnumber(L, frame.currentline);
            return 1;
        }
    }
    lua_pushnumber(L, 0);
    return 1;
}

// ---- the ends of a handler --------------------------------------------------------------------

int take_arguments(lua_State* L, Vm& vm, std::string&) {
    push_json(L, vm.running()->arguments);
    vm.running()->arguments = {};
    return 1;
}

int give_result(lua_State* L, Vm& vm, std::string& problem) {
    Run& run = *vm.running();
    if (lua_isnoneornil(L, 1)) {
        if (!run.gave_up)
            // a forgotten "return" before fail() changes nothing
            run.output = json::object{{"done", true}};
        return 0;
    }
    ReadLimits limits;
    limits.bytes_max = vm.limits().output_bytes_max;
    if (!read_json(L, 1, limits, run.output, problem)) {
        problem =
            fmt::format("the result of {} cannot be given to the model: {}", run.what, problem);
        return refused;
    }
    hide_secrets(run.output, vm.settings());
    return 0;
}

// What a hook returned, for whoever waits for it.
int give_answer(lua_State* L, Vm& vm, std::string& problem) {
    Run& run = *vm.running();
    if (lua_isnoneornil(L, 1)) return 0;
    ReadLimits limits;
    limits.bytes_max = vm.limits().output_bytes_max;
    if (read_json(L, 1, limits, run.output, problem)) return 0;
    problem = fmt::format("what {} returns cannot be kept: {}", run.what, problem);
    return refused;
}

int keep_vars(lua_State* L, Vm& vm, std::string& problem) {
    vm.running()->has_bad_vars = true;  // until it is known better
    ReadLimits limits;
    json::value vars;
    if (!read_json(L, 1, limits, vars, problem)) {
        problem = fmt::format(
            "call.vars cannot be kept: {}; only text, numbers, true, false and tables of these can",
            problem);
        return refused;
    }
    if (vars.is_object()) {
        vm.running()->vars = std::move(vars.get_object());
    } else if (vars.is_array() && vars.get_array().empty()) {
        vm.running()->vars = json::object();
    } else {
        problem = "call.vars cannot be kept: it has become a list";
        return refused;
    }
    vm.running()->has_bad_vars = false;
    return 0;
}

int give_up(lua_State* L, Vm& vm, std::string& problem) {
    const auto sentence = text_argument(L, 1, "fail", problem);
    if (!sentence) return refused;
    Run& run = *vm.running();
    run.gave_up = true;
    run.sentence = without_secrets(to_valid_utf8(*sentence), vm.settings());
    std::string why = "-";
    run.problem = {"failed", run.sentence, false};
    if (lua_type(L, 2) == LUA_TTABLE) {
        lua_getfield(L, 2, "kind");
        lua_getfield(L, 2, "message");
        why =
            fmt::format("{}: {}", lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "problem",
                        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "-");
        if (lua_type(L, -2) == LUA_TSTRING)
            run.problem.kind = to_valid_utf8(shortened(lua_tostring(L, -2), 64));
        if (lua_type(L, -1) == LUA_TSTRING)
            run.problem.message = to_valid_utf8(shortened(lua_tostring(L, -1), 1'000));
        lua_pop(L, 2);
    } else if (!lua_isnoneornil(L, 2)) {
        why = describe(L, 2);
    }
    log::warn("script.gave_up", {{"call", vm.world().call_sid},
                                 {"script", run.what},
                                 {"said", run.sentence},
                                 {"problem", shortened(why, 500)}});
    return 0;
}

// ---- the log -----------------------------------------------------------------------------------

// write_log(level, text, fields)
int write_log(lua_State* L, Vm& vm, std::string& problem) {
    const std::string_view level = lua_tostring(L, 1);
    const auto text = text_argument(L, 2, fmt::format("log.{}", level).c_str(), problem);
    if (!text) return refused;
    std::string line = shortened(to_valid_utf8(*text), 1'000);
    if (lua_type(L, 3) == LUA_TTABLE) {
        json::value fields;
        if (!read_json(L, 3, {}, fields, problem)) {
            problem = fmt::format("log.{}: {}", level, problem);
            return refused;
        }
        if (const auto* object = fields.if_object()) {
            for (const auto& [name, value] : *object) {
                const std::string shown =
                    value.is_string() ? std::string(value.get_string()) : json::serialize(value);
                line += fmt::format(" {}={}", std::string_view(name), shortened(shown, 200));
            }
        }
    } else if (!lua_isnoneornil(L, 3)) {
        problem =
            fmt::format("log.{}: expected fields such as {{ tool = \"check_slots\" }}, found {}",
                        level, describe(L, 3));
        return refused;
    }
    Run* run = vm.running();
    if (run == nullptr || !vm.world().has_call) return 0;
    const int lines_max = vm.limits().budgets.log_lines_max;
    if (++run->used.log_lines > lines_max) {
        if (run->used.log_lines == lines_max + 1)
            log::warn(
                "script.log_limit",
                {{"call", vm.world().call_sid}, {"script", run->what}, {"lines_max", lines_max}});
        return 0;
    }
    log::write(log::level_named(level), "script.log",
               {{"call", vm.world().call_sid}, {"script", run->what}, {"text", line}});
    return 0;
}

}  // namespace

void add_host_functions(lua_State* L) {
    static constexpr Binding bindings[] = {
        {"raise", bound<raise_text>},          {"check_kill", bound<check_kill>},
        {"unknown_name", bound<unknown_name>}, {"guard_globals", bound<guard_globals>},
        {"module_path", bound<module_path>},   {"open_file", bound<open_file>},
        {"close_file", bound<close_file>},     {"inspect", bound<inspect>},
        {"current_line", bound<current_line>}, {"take_arguments", bound<take_arguments>},
        {"give_result", bound<give_result>},   {"keep_vars", bound<keep_vars>},
        {"give_up", bound<give_up>},           {"give_answer", bound<give_answer>},
        {"write_log", bound<write_log>},
    };
    set_functions(L, bindings);
}

}  // namespace parley::script
