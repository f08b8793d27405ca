// Which time of day a phrase names.
#include "spoken_reader.hpp"

#include <fmt/format.h>

namespace parley::script {
namespace {

using std::chrono::sys_days;

constexpr int day_minutes = 24 * 60;

}  // namespace

void SpokenReader::set_part(std::string_view part) {
    if (!part_.empty() && part_ != part)
        stop(Trouble::impossible, "two different parts of the day are named");
    part_ = part;
}

void SpokenReader::set_minutes(int hour, int minute) {
    const int minutes = hour * 60 + minute;
    if (minutes_) stop(Trouble::impossible, "two different times are named");
    minutes_ = minutes;
}

bool SpokenReader::match_time() {
    if (take("noon") || take("midday")) {
        set_minutes(12, 0);
        is_exact_ = true;
        return true;
    }
    if (take("midnight")) {
        set_minutes(0, 0);
        is_exact_ = true;
        return true;
    }
    if (is_any({"am", "pm"})) {
        if (!half_.empty()) stop(Trouble::impossible, "am or pm is said twice");
        half_ = word().text;
        ++at_;
        return true;
    }
    return match_part() || match_past_or_to() || match_clock();
}

// "in the morning", "at night", "evening"
bool SpokenReader::match_part() {
    const std::size_t skip = is("in") && is("the", 1) ? 2 : is("at") && is("night", 1) ? 1 : 0;
    if (!is_any({"morning", "afternoon", "evening", "night"}, skip)) return false;
    set_part(word(skip).text);
    at_ += skip + 1;
    return true;
}

// "half past three", "quarter to four", "ten minutes past two", "half three"
bool SpokenReader::match_past_or_to() {
    std::size_t ahead = is("a") && is("quarter", 1) ? 1 : 0;
    int amount = 0;
    if (is("half", ahead)) {
        amount = 30;
    } else if (is("quarter", ahead)) {
        amount = 15;
    } else if (is_number() && !word().is_ordinal) {
        amount = word().number;
    } else {
        return false;
    }
    std::size_t next = ahead + 1;
    if (is_any({"minutes", "minute"}, next)) ++next;
    const bool is_past = is_any({"past", "after"}, next);
    const bool is_before = is_any({"to", "till", "before"}, next) ||
                           (is("of", next) && is_number(next + 1) && amount != 30);
    if (is("half", ahead) && is_number(ahead + 1) && word(ahead + 1).number <= 12) {
        set_hour(word(ahead + 1), 30);
        at_ += ahead + 2;
        return true;
    }
    if ((!is_past && !is_before) || amount >= 60) return false;
    if (is_any({"noon", "midday", "midnight"}, next + 1)) {
        const int base = is("midnight", next + 1) ? 0 : 12 * 60;
        const int minutes = (base + (is_past ? amount : -amount) + day_minutes) % day_minutes;
        set_minutes(0, minutes);
        is_exact_ = true;
        at_ += next + 2;
        return true;
    }
    if (!is_number(next + 1) || word(next + 1).number > 24) return false;
    if (is_past) {
        set_hour(word(next + 1), amount);
    } else {
        SpokenWord hour = word(next + 1);
        hour.number = hour.number == 1 ? 12 : hour.number - 1;
        set_hour(hour, 60 - amount);
    }
    at_ += next + 2;
    take("oclock");
    return true;
}

void SpokenReader::set_hour(const SpokenWord& hour, int minute) {
    if (hour.number > 24 || minute > 59 || (hour.number == 24 && minute > 0))
        stop(Trouble::impossible, fmt::format("{} is not a time of day", hour.text));
    set_minutes(hour.number % 24, minute);
    // 00:30, 03:30, 14:30 are times of a 24-hour clock.
    if (hour.number == 0 || hour.number > 12 || (hour.has_two_digits && hour.number < 10))
        is_exact_ = true;
}

// "14:30", "2 pm", "three thirty", "three oh five", "three o'clock", "3"
bool SpokenReader::match_clock() {
    if (word().kind == Kind::clock) {
        const SpokenWord clock = word();
        ++at_;
        set_hour(clock, clock.second);
        take("oclock");
        return true;
    }
    if (!is_number() || word().is_ordinal || word().number > 24) {
        if (is_number() && !word().is_ordinal)
            stop(Trouble::unclear, fmt::format("\"{}\" is not understood", word().text));
        return false;
    }
    const SpokenWord hour = word();
    ++at_;
    int minute = 0;
    if (is("oh") && is_number(1) && word(1).number < 10) {
        minute = word(1).number;
        at_ += 2;
    } else if (is_number() && !word().is_ordinal && word().number >= 10 && word().number <= 59) {
        minute = word().number;
        ++at_;
    }
    set_hour(hour, minute);
    take("oclock");
    if (take("hundred")) is_exact_ = true;
    take("hours");
    return true;
}

int SpokenReader::time_of_day() const {
    const int minutes = *minutes_;
    const int hour = minutes / 60;
    if (hour > 12 || (is_exact_ && hour != 0 && half_ != "pm")) {
        if (half_ == "am" && hour >= 12)
            stop(Trouble::impossible,
                 fmt::format("{} is not in the morning", format_time(minutes)));
        return minutes;
    }
    if (is_exact_ && half_.empty()) return minutes;
    const int on_dial = hour % 12;
    return on_dial * 60 + minutes % 60 + (is_afternoon(on_dial) ? 12 * 60 : 0);
}

bool SpokenReader::is_afternoon(int hour_on_dial) const {
    if (!half_.empty()) return half_ == "pm";
    if (part_ == "morning") return false;
    if (part_ == "afternoon" || part_ == "evening") return true;
    if (part_ == "night") return hour_on_dial >= 5;
    return hour_on_dial <= 6;  // 12 and 1 to 6; 7 to 11 are in the morning
}

// In the hour that the clocks skip there is no such time.
void SpokenReader::check_clock_change(Date date, int minutes) const {
    const std::int64_t as_utc =
        sys_days(date).time_since_epoch().count() * 86'400LL + minutes * 60LL;
    for (const std::int64_t around : {as_utc - 86'400, as_utc + 86'400}) {
        const std::int64_t moment = as_utc - zone_.offset_at(around);
        if (moment + zone_.offset_at(moment) == as_utc) return;
    }
    stop(Trouble::impossible, fmt::format("there is no {} on {}: the clocks are put forward",
                                          clock_as_spoken(minutes), spoken_date(date)));
}

}  // namespace parley::script
