// time.*: dates are "2026-12-01", times of day "14:30", both plain text that sorts rightly.
#include "bind.hpp"

#include <cmath>

namespace parley::script {
namespace {

std::optional<Date> date_argument(lua_State* L, int index, const char* function,
                                  std::string& problem) {
    const auto text = lua_type(L, index) == LUA_TSTRING ? text_argument(L, index, function, problem)
                                                        : std::nullopt;
    const auto date = text ? parse_date(*text) : std::nullopt;
    if (!date)
        problem = fmt::format("{}: expected a date like 2026-12-01, found {}", function,
                              describe(L, index));
    return date;
}

std::optional<double> whole_argument(lua_State* L, int index, const char* function,
                                     const char* what, std::string& problem) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        const double number = lua_tonumber(L, index);
        if (std::trunc(number) == number && std::abs(number) <= 4'000'000) return number;
    }
    problem = fmt::format("{}: expected {}, found {}", function, what, describe(L, index));
    return std::nullopt;
}

// Minutes since midnight from "14:30", "2:30 PM" or the number 870.
std::optional<int> minutes_argument(lua_State* L, int index, const char* function,
                                    std::string& problem) {
    if (lua_type(L, index) == LUA_TNUMBER) {
        const double number = lua_tonumber(L, index);
        if (std::trunc(number) == number && number >= 0 && number <= 24 * 60)
            return static_cast<int>(number);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        if (const auto minutes = parse_time(*text_argument(L, index, function, problem)))
            return minutes;
    }
    problem = fmt::format("{}: expected a time like 14:30 or 2:30 PM, found {}", function,
                          describe(L, index));
    return std::nullopt;
}

int give(lua_State* L, std::string_view text) {
    lua_pushlstring(L, text.data(), text.size());
    return 1;
}

std::optional<LocalTime> local_now(lua_State* L, Vm& vm, const char* function,
                                   std::string& problem) {
    auto zone = vm.world().zone;
    if (!lua_isnoneornil(L, 1)) {
        const auto name = text_argument(L, 1, function, problem);
        if (!name) return std::nullopt;
        zone = TimeZone::find(*name);
        if (!zone) {
            problem = fmt::format(
                "{}: there is no time zone \"{}\"; expected a name such as \"America/New_York\"",
                function, *name);
            return std::nullopt;
        }
    }
    return zone->local(vm.world().wall_now());
}

int today(lua_State* L, Vm& vm, std::string& problem) {
    const auto now = local_now(L, vm, "time.today", problem);
    return now ? give(L, format_date(now->date)) : refused;
}

int now(lua_State* L, Vm& vm, std::string& problem) {
    const auto local = local_now(L, vm, "time.now", problem);
    return local ? give(L, format_time(local->minutes)) : refused;
}

int is_zone(lua_State* L, Vm&, std::string&) {
    const bool is_known =
        lua_type(L, 1) == LUA_TSTRING && TimeZone::find(lua_tostring(L, 1)) != nullptr;
    lua_pushboolean(L, is_known ? 1 : 0);
    return 1;
}

int is_date(lua_State* L, Vm&, std::string&) {
    const bool is_known =
        lua_type(L, 1) == LUA_TSTRING && parse_date(lua_tostring(L, 1)).has_value();
    lua_pushboolean(L, is_known ? 1 : 0);
    return 1;
}

int add_days_to(lua_State* L, Vm&, std::string& problem) {
    const auto date = date_argument(L, 1, "time.add_days", problem);
    if (!date) return refused;
    const auto days = whole_argument(L, 2, "time.add_days", "a whole number of days", problem);
    if (!days) return refused;
    const Date sum = add_days(*date, static_cast<int>(*days));
    if (int(sum.year()) < 0 || int(sum.year()) > 9999) {
        problem = "time.add_days: the result is beyond the year 9999";
        return refused;
    }
    return give(L, format_date(sum));
}

int days_from_to(lua_State* L, Vm&, std::string& problem) {
    const auto from = date_argument(L, 1, "time.days_between", problem);
    if (!from) return refused;
    const auto to = date_argument(L, 2, "time.days_between", problem);
    if (!to) return refused;
    lua_pushnumber(L, days_between(*from, *to));
    return 1;
}

int weekday(lua_State* L, Vm&, std::string& problem) {
    const auto date = date_argument(L, 1, "time.weekday", problem);
    return date ? give(L, weekday_name(*date)) : refused;
}

int date_spoken(lua_State* L, Vm&, std::string& problem) {
    const auto date = date_argument(L, 1, "time.spoken_date", problem);
    return date ? give(L, spoken_date(*date)) : refused;
}

int time_spoken(lua_State* L, Vm&, std::string& problem) {
    const auto minutes = minutes_argument(L, 1, "time.spoken_time", problem);
    return minutes ? give(L, spoken_time(*minutes)) : refused;
}

int minutes_of(lua_State* L, Vm&, std::string& problem) {
    const auto minutes = minutes_argument(L, 1, "time.minutes", problem);
    if (!minutes) return refused;
    lua_pushnumber(L, *minutes);
    return 1;
}

int from_minutes(lua_State* L, Vm&, std::string& problem) {
    const auto minutes = minutes_argument(L, 1, "time.from_minutes", problem);
    return minutes ? give(L, format_time(*minutes)) : refused;
}

void set_number(lua_State* L, const char* name, int value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

// time.parse("2026-12-01") -> {year, month, day}; time.parse("2:30 PM") -> {hour, minute, text =
// "14:30"}. All else is read as somebody says it.
int parse(lua_State* L, Vm& vm, std::string& problem) {
    const auto text = text_argument(L, 1, "time.parse", problem);
    if (!text) return refused;
    if (const auto date = parse_date(*text)) {
        lua_createtable(L, 0, 3);
        set_number(L, "year", int(date->year()));
        set_number(L, "month", static_cast<int>(unsigned(date->month())));
        set_number(L, "day", static_cast<int>(unsigned(date->day())));
        return 1;
    }
    if (const auto minutes = parse_time(*text)) {
        lua_createtable(L, 0, 3);
        set_number(L, "hour", *minutes / 60);
        set_number(L, "minute", *minutes % 60);
        const std::string plain = format_time(*minutes);
        lua_pushlstring(L, plain.data(), plain.size());
        lua_setfield(L, -2, "text");
        return 1;
    }
    return parse_spoken_argument(L, vm, *text, problem);
}

std::optional<int> number_field(lua_State* L, const char* name, int fallback) {
    lua_getfield(L, 1, name);
    const double value = lua_isnil(L, -1)      ? fallback
                         : lua_isnumber(L, -1) ? lua_tonumber(L, -1)
                                               : -1;
    lua_pop(L, 1);
    if (std::trunc(value) != value || value < 0 || value > 9999) return std::nullopt;
    return static_cast<int>(value);
}

// time.format{year=, month=, day=} -> "2026-12-01"; time.format{hour=, minute=} -> "14:30".
int format(lua_State* L, Vm&, std::string& problem) {
    problem =
        "time.format: expected {year=, month=, day=} or {hour=, minute=} of a date or time that exists";
    if (lua_type(L, 1) != LUA_TTABLE) return refused;
    lua_getfield(L, 1, "hour");
    const bool is_time = !lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_time) {
        const auto hour = number_field(L, "hour", 0);
        const auto minute = number_field(L, "minute", 0);
        if (!hour || !minute || *hour > 23 || *minute > 59) return refused;
        return give(L, format_time(*hour * 60 + *minute));
    }
    const auto year = number_field(L, "year", -1);
    const auto month = number_field(L, "month", -1);
    const auto day = number_field(L, "day", -1);
    if (!year || !month || !day) return refused;
    const Date date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                    std::chrono::day(static_cast<unsigned>(*day))};
    return date.ok() ? give(L, format_date(date)) : refused;
}

}  // namespace

void add_time_functions(lua_State* L) {
    static constexpr Binding bindings[] = {
        {"today", bound<today>},
        {"now", bound<now>},
        {"is_zone", bound<is_zone>},
        {"is_date", bound<is_date>},
        {"add_days", bound<add_days_to>},
        {"days_between", bound<days_from_to>},
        {"weekday", bound<weekday>},
        {"spoken_date", bound<date_spoken>},
        {"spoken_time", bound<time_spoken>},
        {"minutes", bound<minutes_of>},
        {"from_minutes", bound<from_minutes>},
        {"parse", bound<parse>},
        {"format", bound<format>},
    };
    lua_newtable(L);
    set_functions(L, bindings);
    add_spoken_functions(L);
    lua_setglobal(L, "time");
}

}  // namespace parley::script
