#include <parley/outbound/manners.hpp>

#include <parley/core/phone_number.hpp>
#include <parley/outbound/zones.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::outbound {
namespace {

// "21:00" -> 1260
std::optional<int> minutes_of(std::string_view time) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (time.size() != 5 || time[2] != ':' || !is_digit(time[0]) || !is_digit(time[1]) ||
        !is_digit(time[3]) || !is_digit(time[4]))
        return std::nullopt;
    return ((time[0] - '0') * 10 + time[1] - '0') * 60 + (time[3] - '0') * 10 + time[4] - '0';
}

}  // namespace

bool is_within(std::string_view hours, int minutes) {
    if (hours.size() != 11 || hours[5] != '-') return false;
    const auto begin = minutes_of(hours.substr(0, 5));
    const auto end = minutes_of(hours.substr(6));
    if (!begin || !end) return false;
    if (*begin <= *end) return minutes >= *begin && minutes < *end;
    return minutes >= *begin || minutes < *end;
}

std::optional<Refusal> refuse_number(const Rules& rules, std::string_view number, WallTime now,
                                     const ClockIn& clock_in) {
    if (!is_e164(number))
        return Refusal{
            "bad_number",
            "the number must be in E.164 form: a plus sign, the country code and digits"};
    const bool is_allowed =
        std::any_of(rules.allowed_prefixes.begin(), rules.allowed_prefixes.end(),
                    [&](const std::string& prefix) { return number.starts_with(prefix); });
    if (!is_allowed)
        return Refusal{"prefix",
                       rules.allowed_prefixes.empty()
                           ? "no numbers may be called: outbound.allowed_prefixes is empty"
                           : "the number begins with none of outbound.allowed_prefixes"};
    if (rules.quiet_hours.empty()) return std::nullopt;
    auto zones = zones_of(number, rules.time_zones);
    if (zones.empty() && !rules.default_time_zone.empty()) zones = {rules.default_time_zone};
    if (zones.empty())
        return Refusal{"unknown_time_zone",
                       "the number's time zone is not known, and outbound.default_time_zone is not "
                       "set"};
    for (const auto& zone : zones) {
        const auto minutes = clock_in(zone, now);
        if (!minutes)
            return Refusal{"unknown_time_zone",
                           fmt::format("the system knows no time zone \"{}\"", zone)};
        if (is_within(rules.quiet_hours, *minutes))
            return Refusal{"quiet_hours",
                           fmt::format("it is {:02}:{:02} in {}, within the quiet hours {}",
                                       *minutes / 60, *minutes % 60, zone, rules.quiet_hours)};
    }
    return std::nullopt;
}

std::optional<Refusal> refuse_by_facts(const Rules& rules, const Facts& facts) {
    if (facts.is_on_list) return Refusal{"do_not_call", "the number is on the do-not-call list"};
    if (facts.is_being_called)
        return Refusal{"in_progress", "a call to this number is under way already"};
    if (facts.calls_to_number >= rules.per_number_per_day)
        return Refusal{"number_cap", fmt::format("the number has been called {} times in 24 hours; "
                                                 "outbound.per_number_per_day is {}",
                                                 facts.calls_to_number, rules.per_number_per_day)};
    if (facts.calls_to_all >= rules.per_day)
        return Refusal{"daily_cap", fmt::format("{} calls have been placed in 24 hours; "
                                                "outbound.per_day is {}",
                                                facts.calls_to_all, rules.per_day)};
    return std::nullopt;
}

}  // namespace parley::outbound
