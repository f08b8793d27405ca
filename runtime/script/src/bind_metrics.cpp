// metrics.*: figures of the scripts' own in the service's registry, where GET /metrics shows them.
#include "bind.hpp"

#include <parley/core/log.hpp>
#include <parley/core/metrics.hpp>
#include <parley/core/text.hpp>

namespace parley::script {
namespace {

constexpr std::string_view prefix = "parley_script_";
constexpr std::size_t name_bytes_max = 64;
constexpr std::size_t labels_max = 5;

// "bookings" -> "parley_script_bookings_total"
std::optional<std::string> name_argument(lua_State* L, const char* function,
                                         std::string_view ending, std::string& problem) {
    const auto name = text_argument(L, 1, fmt::format("{}: the name", function).c_str(), problem);
    if (!name) return std::nullopt;
    bool is_good =
        !name->empty() && name->size() <= name_bytes_max && (*name)[0] >= 'a' && (*name)[0] <= 'z';
    for (const char c : *name)
        is_good = is_good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    if (!is_good) {
        problem = fmt::format("{}: expected a name such as bookings, of a-z, 0-9 and _, found {}",
                              function, describe(L, 1));
        return std::nullopt;
    }
    std::string whole = fmt::format("{}{}", prefix, *name);
    if (!whole.ends_with(ending)) whole += ending;
    return whole;
}

std::optional<metrics::Labels> labels_argument(lua_State* L, int index, const char* function,
                                               std::string& problem) {
    metrics::Labels labels;
    if (lua_isnoneornil(L, index)) return labels;
    json::value value;
    const bool is_read =
        lua_type(L, index) == LUA_TTABLE && read_json(L, index, {}, value, problem);
    const auto* object = is_read ? value.if_object() : nullptr;
    if (is_read && value.is_array() && value.get_array().empty()) return labels;
    if (object == nullptr || object->size() > labels_max) {
        problem = fmt::format(
            "{}: expected at most {} labels such as {{ clinic = \"riverside\" }}, found {}",
            function, labels_max, describe(L, index));
        return std::nullopt;
    }
    for (const auto& [name, item] : *object) {
        if (!item.is_string() && !item.is_number() && !item.is_bool()) {
            problem = fmt::format("{}: label `{}`: expected text, a number, true or false",
                                  function, std::string_view(name));
            return std::nullopt;
        }
        labels.emplace_back(
            name, item.is_string() ? std::string(item.get_string()) : json::serialize(item));
    }
    return labels;
}

// False when the limit is reached: then nothing is counted, and the log says so once.
bool may_count(Vm& vm) {
    Run* run = vm.running();
    if (run == nullptr || !vm.world().has_call || vm.world().metrics == nullptr) return false;
    const int calls_max = vm.limits().budgets.metric_calls_max;
    if (++run->used.metrics > calls_max) {
        if (run->used.metrics == calls_max + 1) {
            log::warn(
                "script.metrics_limit",
                {{"call", vm.world().call_sid}, {"script", run->what}, {"calls_max", calls_max}});
        }
        return false;
    }
    return true;
}

int count(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "metrics.count";
    const auto name = name_argument(L, function, "_total", problem);
    if (!name) return refused;
    double amount = 1;
    if (!lua_isnoneornil(L, 2)) {
        const auto given = number_argument(L, 2, "metrics.count: how many", 0, 1e15, problem);
        if (!given) return refused;
        amount = *given;
    }
    const auto labels = labels_argument(L, 3, function, problem);
    if (!labels) return refused;
    if (!may_count(vm)) return 0;
    const auto counter = vm.world().metrics->find_counter(*name, "Counted by scripts.", *labels);
    if (!counter) {
        problem = fmt::format("{}: {}", function, counter.error());
        return refused;
    }
    (*counter)->add(amount);
    return 0;
}

int observe(lua_State* L, Vm& vm, std::string& problem) {
    constexpr const char* function = "metrics.observe";
    const auto name = name_argument(L, function, "", problem);
    if (!name) return refused;
    const auto value = number_argument(L, 2, "metrics.observe: the value", -1e15, 1e15, problem);
    if (!value) return refused;
    const auto labels = labels_argument(L, 3, function, problem);
    if (!labels) return refused;
    if (!may_count(vm)) return 0;
    const auto histogram =
        vm.world().metrics->find_histogram(*name, "Observed by scripts.", *labels);
    if (!histogram) {
        problem = fmt::format("{}: {}", function, histogram.error());
        return refused;
    }
    (*histogram)->observe(*value);
    return 0;
}

}  // namespace

void add_metric_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"count", bound<count>}, {"observe", bound<observe>}};
    lua_newtable(L);
    set_functions(L, bindings);
    lua_setglobal(L, "metrics");
}

}  // namespace parley::script
