// os.clock, os.date and os.time: harmless ones, by the call's clock and zone. The rest of os does
// not exist.
#include "bind.hpp"

#include <cmath>
#include <ctime>

namespace parley::script {
namespace {

constexpr double moment_max = 253'402'300'799.0;  // the end of the year 9999
constexpr std::size_t format_bytes_max = 200;
// of strftime, without what needs a locale
constexpr std::string_view conversions = "aAbBcdDeFHIjmMnprRStTuUwWxXyYzZ%";

std::int64_t unix_now(const Vm& vm) {
    return std::chrono::floor<std::chrono::seconds>(vm.world().wall_now())
        .time_since_epoch()
        .count();
}

std::tm broken_down(std::int64_t moment) {
    const std::time_t time = moment;
    std::tm parts{};
    gmtime_r(&time, &parts);
    return parts;
}

// clock(): seconds of computing this handler has used.
int clock(lua_State* L, Vm& vm, std::string&) {
    lua_pushnumber(
        L, vm.running() == nullptr ? 0 : std::chrono::duration<double>(vm.cpu_used()).count());
    return 1;
}

std::optional<int> field(lua_State* L, const char* name, int fallback, std::string& problem) {
    lua_getfield(L, 1, name);
    const bool is_there = !lua_isnil(L, -1);
    const double value = lua_isnumber(L, -1) ? lua_tonumber(L, -1) : std::nan("");
    const std::string found = describe(L, -1);
    lua_pop(L, 1);
    if (!is_there && fallback >= 0) return fallback;
    if (std::trunc(value) == value && std::abs(value) <= 100'000) return static_cast<int>(value);
    problem = fmt::format("os.time: `{}`: expected a whole number, found {}", name, found);
    return std::nullopt;
}

// time() -> now; time{year=, month=, day=, hour=12, min=0, sec=0} in the call's zone
int time(lua_State* L, Vm& vm, std::string& problem) {
    if (lua_isnoneornil(L, 1)) {
        lua_pushnumber(L, static_cast<double>(unix_now(vm)));
        return 1;
    }
    if (lua_type(L, 1) != LUA_TTABLE) {
        problem = fmt::format("os.time: expected a table with year, month and day, found {}",
                              describe(L, 1));
        return refused;
    }
    std::tm parts{};
    int* const targets[] = {&parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                            &parts.tm_hour, &parts.tm_min, &parts.tm_sec};
    constexpr std::pair<const char*, int> names[] = {{"year", -1}, {"month", -1}, {"day", -1},
                                                     {"hour", 12}, {"min", 0},    {"sec", 0}};
    for (std::size_t i = 0; i < std::size(names); ++i) {
        const auto value = field(L, names[i].first, names[i].second, problem);
        if (!value) return refused;
        *targets[i] = *value;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const std::int64_t as_utc = timegm(&parts);
    const auto& zone = *vm.world().zone;
    std::int64_t moment = as_utc - zone.offset_at(as_utc);
    moment = as_utc - zone.offset_at(moment);
    lua_pushnumber(L, static_cast<double>(moment));
    return 1;
}

void push_parts(lua_State* L, const std::tm& parts) {
    lua_createtable(L, 0, 9);
    const std::pair<const char*, int> fields[] = {
        {"year", parts.tm_year + 1900}, {"month", parts.tm_mon + 1}, {"day", parts.tm_mday},
        {"hour", parts.tm_hour},        {"min", parts.tm_min},       {"sec", parts.tm_sec},
        {"wday", parts.tm_wday + 1},    {"yday", parts.tm_yday + 1}};
    for (const auto& [name, value] : fields) {
        lua_pushnumber(L, value);
        lua_setfield(L, -2, name);
    }
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "isdst");
}

// date(format, time): strftime's conversions, or "*t" for a table; a leading ! means UTC
int date(lua_State* L, Vm& vm, std::string& problem) {
    std::string format = "%c";
    if (!lua_isnoneornil(L, 1)) {
        const auto given = text_argument(L, 1, "os.date: the format", problem);
        if (!given) return refused;
        format = std::string(*given);
    }
    std::int64_t moment = unix_now(vm);
    if (!lua_isnoneornil(L, 2)) {
        const auto given = number_argument(L, 2, "os.date: the time", 0, moment_max, problem);
        if (!given) return refused;
        moment = static_cast<std::int64_t>(*given);
    }
    const bool is_utc = format.starts_with('!');
    if (is_utc) format.erase(0, 1);
    const std::tm parts =
        broken_down(is_utc ? moment : moment + vm.world().zone->offset_at(moment));
    if (format == "*t") {
        push_parts(L, parts);
        return 1;
    }
    if (format.size() > format_bytes_max || format.find('\0') != std::string::npos) {
        problem = fmt::format("os.date: the format is longer than {} characters", format_bytes_max);
        return refused;
    }
    for (std::size_t at = format.find('%'); at != std::string::npos;
         at = format.find('%', at + 2)) {
        if (at + 1 < format.size() && conversions.find(format[at + 1]) != std::string_view::npos)
            continue;
        problem = fmt::format("os.date: unknown conversion \"{}\"", format.substr(at, 2));
        return refused;
    }
    if (format.empty()) return give_text(L, "");
    char text[4'096];
    const std::size_t size = std::strftime(text, sizeof text, format.c_str(), &parts);
    return give_text(L, {text, size});
}

}  // namespace

void add_os_functions(lua_State* L) {
    static constexpr Binding bindings[] = {
        {"clock", bound<clock>}, {"date", bound<date>}, {"time", bound<time>}};
    lua_newtable(L);
    set_functions(L, bindings);
    lua_setglobal(L, "os");
}

}  // namespace parley::script
