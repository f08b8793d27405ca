// secrets.get(name): only what the YAML settings grant to this script.
#include "bind.hpp"
#include "secrets.hpp"

#include <parley/core/text.hpp>

#include <algorithm>

namespace parley::script {
namespace {

std::string without_extension(std::string_view path) {
    return std::string(path.ends_with(".lua") ? path.substr(0, path.size() - 4) : path);
}

// "tools/check_slots" of the file in which the call stands; the run's own file where that is not
// known.
std::string calling_script(lua_State* L, const Vm& vm) {
    lua_Debug frame;
    for (int level = 1; lua_getstack(L, level, &frame) != 0; ++level) {
        lua_getinfo(L, "Sl", &frame);
        if (frame.currentline > 0 && std::string_view(frame.short_src) != prelude_path)
            return without_extension(frame.short_src);
    }
    return without_extension(vm.running()->what);
}

int get(lua_State* L, Vm& vm, std::string& problem) {
    const auto name = text_argument(L, 1, "secrets.get", problem);
    if (!name) return refused;
    if (vm.running() == nullptr || !vm.world().has_call) {
        problem =
            "secrets.get cannot be used here: this part of the file runs at loading; use it inside a function";
        return refused;
    }
    const auto& secrets = vm.settings().secrets;
    const auto found = secrets.find(std::string(*name));
    const std::string script = calling_script(L, vm);
    if (found == secrets.end()) {
        std::vector<std::string> names;
        for (const auto& [known, secret] : secrets) names.push_back(known);
        const auto near = did_you_mean(*name, names);
        problem = fmt::format(
            "secrets.get: there is no secret \"{}\"; {}", shortened(to_valid_utf8(*name), 64),
            near ? fmt::format("did you mean \"{}\"?", *near)
                 : fmt::format("add it under `secrets` in the YAML settings, with scripts: [{}]",
                               script));
        return refused;
    }
    // Granted to the file that asks, or to the tool or agent on whose behalf a shared file asks.
    const auto& granted = found->second.scripts;
    const auto has = [&](const std::string& one) {
        return std::find(granted.begin(), granted.end(), one) != granted.end();
    };
    if (!has(script) && !has(without_extension(vm.running()->what))) {
        problem = fmt::format(
            "secrets.get: \"{}\" is not granted to {}; add it to secrets.{}.scripts in the YAML settings",
            *name, script, *name);
        return refused;
    }
    const std::string& value = found->second.value.reveal();
    if (value.empty()) {
        problem = fmt::format(
            "secrets.get: \"{}\" has no value; set the environment variable that secrets.{}.value names",
            *name, *name);
        return refused;
    }
    return give_text(L, value);
}

constexpr std::size_t secret_bytes_min = 6;  // a shorter one would hide words, as in core/log.hpp

void hide(json::value& value, const config::ScriptSettings& settings) {
    if (auto* text = value.if_string()) {
        const std::string before(*text);
        std::string after = without_secrets(before, settings);
        if (after != before) value = std::move(after);
    } else if (auto* list = value.if_array()) {
        for (auto& item : *list) hide(item, settings);
    } else if (auto* object = value.if_object()) {
        for (auto& member : *object) hide(member.value(), settings);
    }
}

}  // namespace

void hide_secrets(json::value& value, const config::ScriptSettings& settings) {
    if (!settings.secrets.empty()) hide(value, settings);
}

std::string without_secrets(std::string text, const config::ScriptSettings& settings) {
    for (const auto& [name, secret] : settings.secrets) {
        const std::string& value = secret.value.reveal();
        if (value.size() < secret_bytes_min) continue;
        for (auto at = text.find(value); at != std::string::npos; at = text.find(value, at + 3))
            text.replace(at, value.size(), "***");
    }
    return text;
}

void add_secret_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"get", bound<get>}};
    lua_newtable(L);
    set_functions(L, bindings);
    lua_setglobal(L, "secrets");
}

}  // namespace parley::script
