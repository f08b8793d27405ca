// Dates and times in words.
#include "spoken_time.hpp"

#include <fmt/format.h>

#include <array>

namespace parley::script {
namespace {

std::string hour_word(int hour) {
    constexpr std::array<std::string_view, 12> names{"twelve", "one",  "two", "three",
                                                     "four",   "five", "six", "seven",
                                                     "eight",  "nine", "ten", "eleven"};
    return std::string(names[static_cast<std::size_t>(hour % 12)]);
}

}  // namespace

std::string clock_as_spoken(int minutes, ClockStyle style) {
    const int hour = minutes / 60 % 24;
    const int minute = minutes % 60;
    if (minute == 0 && hour == 12) return "noon";
    if (minute == 0 && hour == 0) return "midnight";
    if (style == ClockStyle::digits) {
        const int on_dial = hour % 12 == 0 ? 12 : hour % 12;
        const char* half = hour < 12 ? "AM" : "PM";
        return minute == 0 ? fmt::format("{} {}", on_dial, half)
                           : fmt::format("{}:{:02} {}", on_dial, minute, half);
    }
    switch (minute) {
        case 0: return hour_word(hour) + " o'clock";
        case 15: return "quarter past " + hour_word(hour);
        case 30: return "half past " + hour_word(hour);
        case 45: return "quarter to " + hour_word(hour + 1);
        default: break;
    }
    constexpr std::array<std::string_view, 6> fives{"", "five", "ten", "", "twenty", "twenty-five"};
    if (minute % 5 == 0 && minute < 30)
        return fmt::format("{} past {}", fives[static_cast<std::size_t>(minute / 5)],
                           hour_word(hour));
    if (minute % 5 == 0)
        return fmt::format("{} to {}", fives[static_cast<std::size_t>((60 - minute) / 5)],
                           hour_word(hour + 1));
    return fmt::format("{}:{:02}", hour % 12 == 0 ? 12 : hour % 12, minute);
}

std::string date_as_spoken(Date date, Date today) {
    switch (days_between(today, date)) {
        case 0: return "today";
        case 1: return "tomorrow";
        case -1: return "yesterday";
        default: break;
    }
    std::string text = spoken_date(date);
    const int days = days_between(today, date);
    // "January 5th", said in December
    const bool is_expected = date.year() == today.year() || (days > 0 && days < 180);
    if (!is_expected) text += fmt::format(", {}", int(date.year()));
    return text;
}

std::string as_spoken(const SpokenTime& time, Date today, ClockStyle style) {
    std::string text = time.date ? date_as_spoken(*time.date, today) : "";
    if (time.minutes) {
        const std::string clock = clock_as_spoken(*time.minutes, style);
        text += text.empty() ? clock : " at " + clock;
    } else if (!time.part.empty()) {
        const std::string part = time.part == "night" ? "at night" : "in the " + time.part;
        text += text.empty() ? part : " " + part;
    }
    return text;
}

}  // namespace parley::script
