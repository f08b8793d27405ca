// kv.*: values under names, shared by all calls. They cross as JSON text; the store keeps them.
#include "bind.hpp"

#include <parley/core/text.hpp>

#include <array>
#include <cmath>
#include <filesystem>

namespace parley::script {
namespace {

constexpr std::size_t key_bytes_max = 200;
constexpr double exact_whole_max = 9007199254740992.0;  // 2^53
constexpr std::array<std::string_view, 1> options_known{"ttl"};

using Done = std::function<void(Outcome)>;
using Seconds = std::chrono::seconds;

// What all functions begin with: the key, and whether waiting is possible.
std::optional<std::string> key_argument(lua_State* L, Vm& vm, const char* function,
                                        std::string& problem) {
    const auto key = text_argument(L, 1, fmt::format("{}: the key", function).c_str(), problem);
    if (!key) return std::nullopt;
    if (key->empty() || key->size() > key_bytes_max || !is_valid_utf8(*key)) {
        problem = fmt::format("{}: expected a key of 1 to {} characters, found \"{}\"", function,
                              key_bytes_max, to_valid_utf8(shortened(*key, 40)));
        return std::nullopt;
    }
    return stored_key(vm.settings(), *key);
}

std::optional<Seconds> lifetime_argument(lua_State* L, Vm& vm, int index, const char* function,
                                         std::string& problem) {
    const auto options = options_argument(L, index, function, options_known, problem);
    if (!options) return std::nullopt;
    const auto& settings = vm.settings().kv;
    const auto* ttl = options->if_contains("ttl");
    if (ttl == nullptr) return std::min(settings.ttl, settings.ttl_max);
    const double seconds = ttl->is_number() ? ttl->to_number<double>() : 0;
    if (!(seconds >= 1 && seconds <= static_cast<double>(settings.ttl_max.count()))) {
        problem = fmt::format(
            "{}: ttl: expected seconds from 1 to {} (scripts.kv.ttl_max_seconds), found {}",
            function, settings.ttl_max.count(), json::serialize(*ttl));
        return std::nullopt;
    }
    return Seconds(static_cast<std::int64_t>(std::ceil(seconds)));
}

std::optional<std::string> value_argument(lua_State* L, Vm& vm, int index, const char* function,
                                          std::string& problem) {
    const std::size_t bytes_max = vm.settings().kv.value_bytes_max;
    if (lua_isnoneornil(L, index)) {
        problem =
            fmt::format("{}: expected a value, found nothing; kv.delete removes a key", function);
        return std::nullopt;
    }
    ReadLimits limits;
    limits.bytes_max = bytes_max;
    json::value value;
    if (!read_json(L, index, limits, value, problem)) {
        problem = fmt::format("{}: {}; the limit is {} bytes (scripts.kv.value_bytes_max)",
                              function, problem, bytes_max);
        return std::nullopt;
    }
    std::string text = json::serialize(value);
    if (text.size() > bytes_max) {
        problem =
            fmt::format("{}: the value has {} bytes; the limit is {} (scripts.kv.value_bytes_max)",
                        function, text.size(), bytes_max);
        return std::nullopt;
    }
    return text;
}

template <class Start>
int wait_for_keys(lua_State* L, Vm& vm, const char* function, std::string& problem, Start start) {
    if (!may_wait(L, vm, function, problem, Waits::for_keys)) return refused;
    Errand errand;
    errand.start = [start = std::move(start)](const Around& around,
                                              Done done) -> std::shared_ptr<void> {
        if (around.services.keys == nullptr) {
            done(Problem{"mistake", "no database is configured", false});
        } else {
            start(*around.services.keys, std::move(done));
        }
        return nullptr;
    };
    return wait_for(L, vm, std::move(errand));
}

json::value stored_value(const std::optional<std::string>& text) {
    if (!text) return nullptr;
    auto value = json_read::parse(*text, value_depth_max + 1);
    return value ? std::move(*value) : json::value();
}

int get(lua_State* L, Vm& vm, std::string& problem) {
    auto key = key_argument(L, vm, "kv.get", problem);
    if (!key) return refused;
    return wait_for_keys(
        L, vm, "kv.get", problem, [key = std::move(*key)](KeyValues& keys, Done done) {
            keys.get(key, [done = std::move(done)](
                              KeyValues::Result<std::optional<std::string>> result) {
                if (!result) return done(problem_of(result.error()));
                done(stored_value(*result));
            });
        });
}

int set(lua_State* L, Vm& vm, std::string& problem) {
    auto key = key_argument(L, vm, "kv.set", problem);
    if (!key) return refused;
    auto value = value_argument(L, vm, 2, "kv.set", problem);
    if (!value) return refused;
    const auto lifetime = lifetime_argument(L, vm, 3, "kv.set", problem);
    if (!lifetime) return refused;
    return wait_for_keys(L, vm, "kv.set", problem,
                         [key = std::move(*key), value = std::move(*value), lifetime = *lifetime](
                             KeyValues& keys, Done done) {
                             keys.set(key, value, lifetime,
                                      [done = std::move(done)](KeyValues::Result<void> result) {
                                          if (!result) return done(problem_of(result.error()));
                                          done(json::value(true));
                                      });
                         });
}

int set_if_absent(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "kv.set_if_absent";
    auto key = key_argument(L, vm, function, problem);
    if (!key) return refused;
    auto value = value_argument(L, vm, 2, function, problem);
    if (!value) return refused;
    const auto lifetime = lifetime_argument(L, vm, 3, function, problem);
    if (!lifetime) return refused;
    return wait_for_keys(
        L, vm, function, problem,
        [key = std::move(*key), value = std::move(*value), lifetime = *lifetime](KeyValues& keys,
                                                                                 Done done) {
            keys.set_if_absent(
                key, value, lifetime,
                [done = std::move(done)](KeyValues::Result<std::optional<std::string>> result) {
                    if (!result) return done(problem_of(result.error()));
                    done(json::value(!result->has_value()));
                });
        });
}

int increment(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "kv.increment";
    auto key = key_argument(L, vm, function, problem);
    if (!key) return refused;
    std::int64_t by = 1;
    if (!lua_isnoneornil(L, 2)) {
        const auto number =
            number_argument(L, 2, "kv.increment: by", -exact_whole_max, exact_whole_max, problem);
        if (!number) return refused;
        if (std::trunc(*number) != *number) {
            problem = fmt::format("{}: expected a whole number, found {}", function, *number);
            return refused;
        }
        by = static_cast<std::int64_t>(*number);
    }
    const auto lifetime = lifetime_argument(L, vm, 3, function, problem);
    if (!lifetime) return refused;
    return wait_for_keys(
        L, vm, function, problem,
        [key = std::move(*key), by, lifetime = *lifetime](KeyValues& keys, Done done) {
            keys.increment(key, by, lifetime,
                           [done = std::move(done)](KeyValues::Result<std::int64_t> result) {
                               if (!result) return done(problem_of(result.error()));
                               done(json::value(*result));
                           });
        });
}

int remove(lua_State* L, Vm& vm, std::string& problem) {
    auto key = key_argument(L, vm, "kv.delete", problem);
    if (!key) return refused;
    return wait_for_keys(
        L, vm, "kv.delete", problem, [key = std::move(*key)](KeyValues& keys, Done done) {
            keys.remove(key, [done = std::move(done)](KeyValues::Result<bool> result) {
                if (!result) return done(problem_of(result.error()));
                done(json::value(*result));
            });
        });
}

}  // namespace

std::string stored_key(const config::ScriptSettings& settings, std::string_view key) {
    const auto folder = std::filesystem::path(settings.dir).lexically_normal();
    const auto name = folder.has_filename() ? folder.filename() : folder.parent_path().filename();
    return fmt::format("kv/{}/{}", name.string(), key);
}

void add_key_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"kv_get", bound<get>},
                                           {"kv_set", bound<set>},
                                           {"kv_set_if_absent", bound<set_if_absent>},
                                           {"kv_increment", bound<increment>},
                                           {"kv_delete", bound<remove>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
