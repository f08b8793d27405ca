// calendar.hpp: dates, times of day and IANA time zones, for the scripts' `time` module.
//
// Dates are "2026-12-01", times of day are minutes since midnight. Zones are read from the system's
// tzdata (TZif files, their footer rule for dates beyond the table), because GCC 12 has no
// std::chrono::tzdb.
//
// Thread: everything here is safe from any thread; zones are read once and kept.
#pragma once

#include <parley/core/clock.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

using Date = std::chrono::year_month_day;

std::optional<Date> parse_date(std::string_view text);  // "2026-12-01" of a day that exists
// four, two, two digits; the day need not exist
bool looks_like_date(std::string_view text);
std::string format_date(Date date);
Date add_days(Date date, int days);
int days_between(Date from, Date to);
std::string_view weekday_name(Date date);  // "monday"
std::string spoken_date(Date date);        // "Tuesday, December 1st"

std::optional<int> parse_time(std::string_view text);  // "14:30", "2:30 PM", "2 pm" -> 870
std::string format_time(int minutes);                  // "14:30"
std::string spoken_time(int minutes);                  // "2:30 PM"

struct LocalTime {
    Date date;
    int minutes = 0;         // since midnight
    int offset_seconds = 0;  // east of UTC
};

class TimeZone {
 public:
    // Null for a name the system does not know ("Mars/Olympus", "../passwd", "").
    static std::shared_ptr<const TimeZone> find(std::string_view name);
    // From the bytes of a TZif file, version 2 or later; null when they are malformed.
    static std::shared_ptr<const TimeZone> parse(std::string_view tzif);
    // From a POSIX rule such as "EST5EDT,M3.2.0,M11.1.0"; null when it is malformed.
    static std::shared_ptr<const TimeZone> parse_rule(std::string_view rule);

    int offset_at(std::int64_t unix_seconds) const;  // seconds east of UTC
    LocalTime local(WallTime when) const;
    // The moment of a local time. One that is skipped in spring is the moment an hour later by the
    // clock; of one that comes twice in autumn the first.
    WallTime moment(Date date, int minutes) const;

 private:
    // When daylight saving starts or ends in a year: a day and a local time.
    struct Change {
        enum class Kind {
            month_week_day,
            day_without_leap,
            day_with_leap
        } kind = Kind::month_week_day;
        int month = 0, week = 0, day = 0;
        int seconds = 2 * 3600;
    };
    struct Rule {
        int standard_offset = 0;
        bool has_daylight = false;
        int daylight_offset = 0;
        Change start, end;
    };
    struct RuleReader;

    // local seconds since 1970, as if in UTC
    static std::int64_t moment_of(const Change& change, int year);
    int offset_by_rule(std::int64_t unix_seconds) const;

    std::vector<std::int64_t> transitions_;
    std::vector<int> offsets_;  // from each transition on
    int offset_before_ = 0;     // ahead of the first
    std::optional<Rule> rule_;  // beyond the last
};

}  // namespace parley::script
