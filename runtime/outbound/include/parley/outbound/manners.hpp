// manners.hpp: whether a number may be called now.
//
// Two looks: at the number and the clock, and at what has been done already. Both must find nothing.
// Sans-I/O: settings, facts and the time in, a refusal or nothing out.
#pragma once

#include <parley/core/clock.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::outbound {

struct Rules {
    std::vector<std::string> allowed_prefixes;  // empty: nobody
    int per_number_per_day = 3;
    int per_day = 500;
    std::string quiet_hours = "21:00-08:00";  // empty: none
    std::string default_time_zone = {};       // empty: without a known zone nobody is called
    std::map<std::string, std::string> time_zones = {};  // prefix -> zone
};

// Of the last 24 hours.
struct Facts {
    bool is_on_list = false;  // of those who do not want to be called
    bool is_being_called = false;
    int calls_to_number = 0;
    int calls_to_all = 0;
};

struct Refusal {
    // bad_number, prefix, quiet_hours, unknown_time_zone, do_not_call, in_progress, number_cap,
    // daily_cap
    std::string reason;
    std::string details;  // a sentence for people
};

// Minutes since midnight in a zone; nothing for a zone the system does not know.
using ClockIn = std::function<std::optional<int>(const std::string& zone, WallTime now)>;

std::optional<Refusal> refuse_number(const Rules& rules, std::string_view number, WallTime now,
                                     const ClockIn& clock_in);
std::optional<Refusal> refuse_by_facts(const Rules& rules, const Facts& facts);

// "21:00-08:00" at 23:10 (1390): true. Malformed or empty hours are never.
bool is_within(std::string_view hours, int minutes);

}  // namespace parley::outbound
