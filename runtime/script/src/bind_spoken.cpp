// time.parse and time.spoken, as far as they are about what people say: spoken_time.cpp decides.
#include "bind.hpp"
#include "spoken_time.hpp"

#include <parley/core/text.hpp>

#include <array>

namespace parley::script {
namespace {

constexpr std::array<std::string_view, 4> parse_options{"today", "now", "zone", "order"};
constexpr std::array<std::string_view, 3> spoken_options{"style", "today", "zone"};
constexpr std::uint64_t parse_ns = 20'000;

// The moment that the clocks of a zone show as this date and time.
WallTime moment_of(const TimeZone& zone, Date date, int minutes) {
    const std::int64_t as_utc =
        std::chrono::sys_days(date).time_since_epoch().count() * 86'400LL + minutes * 60LL;
    std::int64_t moment = as_utc - zone.offset_at(as_utc);
    moment = as_utc - zone.offset_at(moment);
    return WallTime(std::chrono::seconds(moment));
}

std::shared_ptr<const TimeZone> zone_option(const json::object& options, const Vm& vm,
                                            const char* function, std::string& problem) {
    const auto* name = options.if_contains("zone");
    if (name == nullptr) return vm.world().zone;
    auto zone = name->is_string() ? TimeZone::find(std::string_view(name->get_string())) : nullptr;
    if (!zone) {
        problem = fmt::format(
            "{}: zone: there is no time zone {}; expected a name such as \"America/New_York\"",
            function, json::serialize(*name));
    }
    return zone;
}

// The time it is taken to be: the call's, or that of the options `today` and `now`. False with
// `problem`.
bool read_now(const json::object& options, const Vm& vm, const TimeZone& zone, const char* function,
              WallTime& now, std::string& problem) {
    now = vm.world().wall_now();
    const auto* today = options.if_contains("today");
    const auto* time = options.if_contains("now");
    if (today == nullptr && time == nullptr) return true;
    const LocalTime local = zone.local(now);
    Date date = local.date;
    int minutes = local.minutes;
    if (today != nullptr) {
        const auto parsed =
            today->is_string() ? parse_date(std::string_view(today->get_string())) : std::nullopt;
        if (!parsed) {
            problem = fmt::format("{}: today: expected a date like 2026-12-01, found {}", function,
                                  json::serialize(*today));
            return false;
        }
        date = *parsed;
    }
    if (time != nullptr) {
        const auto parsed =
            time->is_string() ? parse_time(std::string_view(time->get_string())) : std::nullopt;
        if (!parsed) {
            problem = fmt::format("{}: now: expected a time like 14:30, found {}", function,
                                  json::serialize(*time));
            return false;
        }
        minutes = *parsed;
    }
    now = moment_of(zone, date, minutes);
    return true;
}

json::object described(const SpokenTime& spoken, Date today) {
    json::object result;
    if (spoken.date) {
        result["date"] = format_date(*spoken.date);
        result["weekday"] = weekday_name(*spoken.date);
    }
    if (spoken.minutes) result["time"] = format_time(*spoken.minutes);
    if (!spoken.part.empty()) result["part"] = spoken.part;
    result["text"] = as_spoken(spoken, today);
    return result;
}

const char* kind_name(SpokenProblem::Kind kind) {
    switch (kind) {
        case SpokenProblem::Kind::unclear: return "unclear";
        case SpokenProblem::Kind::ambiguous: return "ambiguous";
        case SpokenProblem::Kind::incomplete: return "incomplete";
        case SpokenProblem::Kind::impossible: return "impossible";
    }
    return "unclear";
}

// A date and a time from a table {date=, time=} or from two arguments. False with `problem`.
bool read_spoken(lua_State* L, SpokenTime& spoken, int& options_at, std::string& problem) {
    const char* function = "time.spoken";
    std::string date, time;
    if (lua_type(L, 1) == LUA_TTABLE) {
        lua_getfield(L, 1, "date");
        lua_getfield(L, 1, "time");
        lua_getfield(L, 1, "part");
        const auto text_at = [L](int index) {
            return lua_type(L, index) == LUA_TSTRING ? std::string(lua_tostring(L, index)) : "";
        };
        date = text_at(-3);
        time = text_at(-2);
        spoken.part = text_at(-1);
        lua_pop(L, 3);
        options_at = 2;
    } else {
        options_at = lua_type(L, 2) == LUA_TTABLE ? 2 : 3;
        if (!lua_isnoneornil(L, 1)) {
            const auto given = text_argument(L, 1, function, problem);
            if (!given) return false;
            date = std::string(*given);
        }
        if (options_at == 3 && !lua_isnoneornil(L, 2)) {
            const auto given = text_argument(L, 2, function, problem);
            if (!given) return false;
            time = std::string(*given);
        }
        if (time.empty() && parse_time(date)) std::swap(date, time);  // a time alone
    }
    if (!date.empty()) {
        spoken.date = parse_date(date);
        if (!spoken.date)
            problem = fmt::format("{}: expected a date like 2026-12-01, found \"{}\"", function,
                                  shortened(date, 40));
    }
    if (!time.empty()) {
        spoken.minutes = parse_time(time);
        if (!spoken.minutes)
            problem = fmt::format("{}: expected a time like 14:30 or 2:30 PM, found \"{}\"",
                                  function, shortened(time, 40));
    }
    if (problem.empty() && !spoken.date && !spoken.minutes)
        problem = "time.spoken: expected a date, a time, or both";
    return problem.empty();
}

// spoken(date, time, options) -> "tomorrow at 2 PM"
int spoken(lua_State* L, Vm& vm, std::string& problem) {
    SpokenTime what;
    int options_at = 3;
    if (!read_spoken(L, what, options_at, problem)) return refused;
    const auto options = options_argument(L, options_at, "time.spoken", spoken_options, problem);
    if (!options) return refused;
    const auto zone = zone_option(*options, vm, "time.spoken", problem);
    WallTime now;
    if (!zone || !read_now(*options, vm, *zone, "time.spoken", now, problem)) return refused;
    auto style = ClockStyle::digits;
    if (const auto* wanted = options->if_contains("style")) {
        if (*wanted == json::value("words")) {
            style = ClockStyle::words;
        } else if (*wanted != json::value("digits")) {
            problem = fmt::format("time.spoken: style: expected \"digits\" or \"words\", found {}",
                                  json::serialize(*wanted));
            return refused;
        }
    }
    return give_text(L, as_spoken(what, zone->local(now).date, style));
}

}  // namespace

int parse_spoken_argument(lua_State* L, Vm& vm, std::string_view text, std::string& problem) {
    const auto options = options_argument(L, 2, "time.parse", parse_options, problem);
    if (!options) return refused;
    const auto zone = zone_option(*options, vm, "time.parse", problem);
    WallTime now;
    if (!zone || !read_now(*options, vm, *zone, "time.parse", now, problem)) return refused;
    auto order = DateOrder::unknown;
    if (const auto* wanted = options->if_contains("order")) {
        if (*wanted == json::value("dmy")) {
            order = DateOrder::day_first;
        } else if (*wanted == json::value("mdy")) {
            order = DateOrder::month_first;
        } else {
            problem = fmt::format("time.parse: order: expected \"dmy\" or \"mdy\", found {}",
                                  json::serialize(*wanted));
            return refused;
        }
    }
    if (!vm.charge(L, parse_ns)) {
        problem = "stopped: time.parse, again and again";
        return refused;
    }
    const Date today = zone->local(now).date;
    const auto parsed = parse_spoken(text, now, *zone, order);
    if (parsed) {
        push_json(L, json::value(described(*parsed, today)));
        return 1;
    }
    Problem why{kind_name(parsed.error().kind), parsed.error().message, false};
    if (!parsed.error().readings.empty()) {
        json::array readings;
        for (const auto& reading : parsed.error().readings)
            readings.push_back(described(reading, today));
        why.more["readings"] = std::move(readings);
    }
    return push_problem(L, why);
}

void add_spoken_functions(lua_State* L) {
    static constexpr Binding bindings[] = {{"spoken", bound<spoken>}};
    set_functions(L, bindings);
}

}  // namespace parley::script
