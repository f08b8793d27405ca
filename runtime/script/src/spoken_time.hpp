// spoken_time.hpp: dates and times as people say them, both ways.
//
//   "next Tuesday 2 pm", "tomorrow at half past three", "in two weeks", "the 3rd of May", "Friday week"
//
// What cannot be read is refused, never guessed: a word that is not understood, two dates in one
// phrase, a weekday that does not fit its date, 3/5 where nothing says whether the month comes
// first, an hour that the clocks skip. How the unclear is decided:
//   - an hour without am or pm is one of a working day: 7 to 11 in the morning, 12 to 6 in the afternoon
//   - "Tuesday" is the first Tuesday after today; "this Tuesday" may be today; "next Tuesday" is that of the next week,
//     which begins on Monday
//   - a day without a year is the next one there is, today included
//
// Plain functions of the text and the time; no I/O.
#pragma once

#include <parley/script/calendar.hpp>

#include <boost/system/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::script {

enum class DateOrder { unknown, day_first, month_first };  // of 3/5

struct SpokenTime {
    std::optional<Date> date;
    std::optional<int> minutes;  // since midnight
    // "morning", "afternoon", "evening" or "night", where no hour was said
    std::string part;
};

struct SpokenProblem {
    enum class Kind {
        unclear,     // not understood; `message` names the word
        ambiguous,   // two readings: ask which is meant
        incomplete,  // "next week": which day?
        impossible,  // no such day or time, or the parts contradict each other
    } kind = Kind::unclear;
    std::string message;
    std::vector<SpokenTime> readings = {};
};
[[noreturn]] void throw_exception_from_error(const SpokenProblem& problem,
                                             const boost::source_location&);

boost::system::result<SpokenTime, SpokenProblem> parse_spoken(std::string_view text, WallTime now,
                                                              const TimeZone& zone,
                                                              DateOrder order = DateOrder::unknown);

enum class ClockStyle { digits, words };  // "2:30 PM", "half past two"

// "2 PM", "2:30 PM", "noon"; "half past two", "ten to three".
std::string clock_as_spoken(int minutes, ClockStyle style = ClockStyle::digits);
// "today", "tomorrow", "yesterday", "Tuesday, December 1st", with the year where it is not the one
// people expect.
std::string date_as_spoken(Date date, Date today);
// "tomorrow at 2 PM", "Tuesday, December 1st in the morning".
std::string as_spoken(const SpokenTime& time, Date today, ClockStyle style = ClockStyle::digits);

}  // namespace parley::script
