// Which day a phrase names.
#include "spoken_reader.hpp"

#include <fmt/format.h>

namespace parley::script {
namespace {

using std::chrono::sys_days;

constexpr int quantity_max = 1'000;

int weekday_of(Date date) {
    return static_cast<int>(std::chrono::weekday(sys_days(date)).c_encoding());
}

// Days since Monday.
int day_in_week(int weekday) { return (weekday + 6) % 7; }

Date date_of(int year, int month, int day) {
    return {std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
            std::chrono::day(static_cast<unsigned>(day))};
}

// The same day of a later month, or its last day when it is too short.
Date add_months(Date date, int months) {
    const auto month =
        std::chrono::year_month(date.year(), date.month()) + std::chrono::months(months);
    const auto last =
        std::chrono::year_month_day_last(month.year(), std::chrono::month_day_last(month.month()))
            .day();
    return {month.year(), month.month(), std::min(date.day(), last)};
}

std::string month_and_day(int month, int day) {
    // a leap year: "Tuesday, February 29th"
    const std::string whole = spoken_date(date_of(2028, month, day));
    return whole.substr(whole.find(", ") + 2);
}

int full_year(int year) { return year < 100 ? 2000 + year : year; }

Date with_day(Date date, int day) {
    return {date.year(), date.month(), std::chrono::day(static_cast<unsigned>(day))};
}

std::string capital(std::string_view name) {
    std::string text(name);
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

}  // namespace

std::optional<SpokenReader::Unit> SpokenReader::unit_of(const SpokenWord& word) {
    if (word.kind != Kind::word) return std::nullopt;
    std::string_view text = word.text;
    if (text.ends_with('s')) text.remove_suffix(1);
    if (text == "minute" || text == "min") return Unit::minute;
    if (text == "hour") return Unit::hour;
    if (text == "day") return Unit::day;
    if (text == "week") return Unit::week;
    if (text == "month") return Unit::month;
    if (text == "year") return Unit::year;
    return std::nullopt;
}

void SpokenReader::set_date(Date date) {
    if (date_ && *date_ != date) stop(Trouble::impossible, "two different days are named");
    date_ = date;
}

void SpokenReader::set_weekday(int number) {
    if (weekday_ && *weekday_ != number)
        stop(Trouble::impossible, "two different days of the week are named");
    weekday_ = number;
}

bool SpokenReader::match_date() {
    return match_named_day() || match_modified() || match_weekday() || match_month_day() ||
           match_written_date();
}

bool SpokenReader::match_named_day() {
    const bool has_article = is("the");
    const std::size_t skip = has_article ? 1 : 0;
    if (is("day", skip) && is_any({"after", "before"}, skip + 1) &&
        is_any({"tomorrow", "yesterday"}, skip + 2)) {
        const bool is_ahead = is("after", skip + 1);
        if (is_ahead != is("tomorrow", skip + 2)) return false;
        set_date(add_days(today_, is_ahead ? 2 : -2));
        at_ += skip + 3;
        return true;
    }
    if (is("week", skip) && is("after", skip + 1) && is("next", skip + 2)) {
        week_ = 2;
        at_ += skip + 3;
        return true;
    }
    if (take("today")) {
        set_date(today_);
    } else if (take("tonight")) {
        set_date(today_);
        set_part("night");
    } else if (take("tomorrow")) {
        set_date(add_days(today_, 1));
    } else if (take("yesterday")) {
        set_date(add_days(today_, -1));
    } else {
        return false;
    }
    return true;
}

// "next Tuesday", "this week", "next month", "this morning"
bool SpokenReader::match_modified() {
    if (!is_any({"this", "next", "coming", "following", "last"})) return false;
    const int step = is("this") || is("coming") ? 0 : is("last") ? -1 : 1;
    if (step == 0 && is_any({"morning", "afternoon", "evening"}, 1)) {
        set_date(today_);
        ++at_;
        return true;  // the part itself is matched next
    }
    if (const auto number = weekday(1)) {
        set_weekday(*number);
        modifier_ = step == 0 ? Modifier::this_one : step > 0 ? Modifier::next : Modifier::last;
        at_ += 2;
        return true;
    }
    const auto unit = unit_of(word(1));
    if (!unit) return false;
    if (*unit == Unit::week) {
        week_ = step;
    } else if (*unit == Unit::month) {
        month_step_ = step;
    } else if (*unit == Unit::year) {
        year_ = static_cast<int>(today_.year()) + step;
    } else {
        return false;
    }
    at_ += 2;
    return true;
}

bool SpokenReader::match_weekday() {
    const auto number = weekday();
    if (!number) return false;
    set_weekday(*number);
    ++at_;
    if (is("week") && !weekday(1)) {  // "Tuesday week": a week after the Tuesday that comes
        extra_days_ += 7;
        ++at_;
    }
    return true;
}

// "May 3rd", "3 May", "the third of May 2027", "the 3rd", "the 3rd of next month"
bool SpokenReader::match_month_day() {
    if (is("in") && month(1)) ++at_;
    if (const auto number = month()) {
        // "may" begins a date only before a day: "may I ..." is no date.
        std::size_t ahead = 1;
        if (is("the", ahead)) ++ahead;
        if (!is_number(ahead))
            stop(Trouble::incomplete, fmt::format("which day of {}?", word().text));
        const int day = word(ahead).number;
        at_ += ahead + 1;
        return set_month_day(*number, day);
    }
    std::size_t ahead = is("the") ? 1 : 0;
    if (!is_number(ahead)) return false;
    const auto& day = word(ahead);
    if (is("of", ahead + 1) || (day.is_ordinal && is("in", ahead + 1))) {
        std::size_t after = ahead + 2;
        if (is("the", after)) ++after;
        if (const auto number = month(after)) {
            at_ += after + 1;
            return set_month_day(*number, day.number);
        }
        const bool is_step =
            is_any({"this", "next"}, after) && unit_of(word(after + 1)) == Unit::month;
        if (is_step || unit_of(word(after)) == Unit::month) {
            month_step_ = is("next", after) ? 1 : 0;
            day_of_month_ = day.number;
            at_ += after + (is_step ? 2 : 1);
            return true;
        }
        return false;
    }
    if (const auto number = month(ahead + 1)) {
        at_ += ahead + 2;
        return set_month_day(*number, day.number);
    }
    if (!day.is_ordinal) return false;
    if (day_of_month_ && *day_of_month_ != day.number)
        stop(Trouble::impossible, "two different days are named");
    day_of_month_ = day.number;
    at_ += ahead + 1;
    return true;
}

bool SpokenReader::set_month_day(int number, int day) {
    const bool exists = day >= 1 && day <= 31 && date_of(2028, number, day).ok();
    if (!exists) stop(Trouble::impossible, fmt::format("there is no day {} in that month", day));
    month_day_ = {number, day};
    if (is_number() && !word().is_ordinal) {
        const bool is_pair =
            word().number >= 19 && word().number <= 21 && is_number(1) && word(1).number <= 99;
        if (word().number >= 1'900 && word().number <= 9'999) {
            year_ = word().number;
            ++at_;
        } else if (is_pair && !is_any({"am", "pm"}, 2)) {  // twenty twenty-seven
            year_ = word().number * 100 + word(1).number;
            at_ += 2;
        }
    }
    return true;
}

bool SpokenReader::match_written_date() {
    const auto& now = word();
    if (now.kind == Kind::iso) {
        return take_written(now.number, now.second, now.third);
    }
    if (now.kind == Kind::dotted) {
        if (now.third >= 0) return take_written(full_year(now.third), now.second, now.number);
        check_month_day(now.second, now.number);
        ++at_;
        return set_month_day_plain(now.second, now.number);
    }
    if (now.kind != Kind::slashed) return false;
    const bool can_be_month_first =
        now.number >= 1 && now.number <= 12 && now.second >= 1 && now.second <= 31;
    const bool can_be_day_first =
        now.second >= 1 && now.second <= 12 && now.number >= 1 && now.number <= 31;
    bool is_month_first = order_ != DateOrder::day_first;
    if (order_ == DateOrder::unknown) {
        if (can_be_month_first && can_be_day_first && now.number != now.second) {
            const auto reading = [&](int number, int day) {
                const auto date = now.third >= 0 ? date_of(full_year(now.third), number, day)
                                                 : coming(number, day);
                return SpokenTime{date, std::nullopt, ""};
            };
            stop(Trouble::ambiguous,
                 fmt::format("{} can be {} or {}", now.text, month_and_day(now.number, now.second),
                             month_and_day(now.second, now.number)),
                 {reading(now.number, now.second), reading(now.second, now.number)});
        }
        is_month_first = can_be_month_first;
    }
    const int number = is_month_first ? now.number : now.second;
    const int day = is_month_first ? now.second : now.number;
    if (now.third >= 0) return take_written(full_year(now.third), number, day);
    check_month_day(number, day);
    ++at_;
    return set_month_day_plain(number, day);
}

bool SpokenReader::take_written(int year, int number, int day) {
    check_month_day(number, day);
    if (!date_of(year, number, day).ok())
        stop(Trouble::impossible,
             fmt::format("there is no {} in {}", month_and_day(number, day), year));
    set_date(date_of(year, number, day));
    ++at_;
    return true;
}

void SpokenReader::check_month_day(int number, int day) const {
    if (number < 1 || number > 12 || day < 1 || day > 31 || !date_of(2028, number, day).ok())
        stop(Trouble::impossible, fmt::format("{} is not a day that exists", word().text));
}

bool SpokenReader::set_month_day_plain(int number, int day) {
    month_day_ = {number, day};
    return true;
}

// ---- "in two weeks", "three days from now", "a week from Tuesday" -------------------------------

bool SpokenReader::match_relative() {
    const std::size_t start = at_;
    const bool has_in = take("in");
    const auto quantity = match_quantity();
    if (!quantity) {
        at_ = start;
        return false;
    }
    const auto [amount, unit] = *quantity;
    if (take("time") || has_in) {  // "in two weeks' time"
        if (is("from") || is("after"))
            stop(Trouble::unclear, "\"in\" and \"from\" do not go together");
        return move_by(amount, unit);
    }
    if (take("ago")) return move_by(-amount, unit);
    if (is_any({"from", "after"})) {
        ++at_;
        if (take("now") || take("today")) return move_by(amount, unit);
        if (unit == Unit::minute || unit == Unit::hour)
            stop(Trouble::unclear, "hours from a day are not understood");
        if (unit == Unit::month || unit == Unit::year) {
            extra_months_ += amount * (unit == Unit::year ? 12 : 1);
        } else {
            extra_days_ += amount * (unit == Unit::week ? 7 : 1);
        }
        is_from_ = true;
        return true;  // the day it counts from follows
    }
    if (is("on") && unit == Unit::week) {  // "a week on Tuesday"
        ++at_;
        extra_days_ += amount * 7;
        return true;
    }
    at_ = start;
    return false;
}

// "two weeks", "a week", "a couple of days", "half an hour", "an hour and a half", "a
// fortnight"
std::optional<SpokenReader::Quantity> SpokenReader::match_quantity() {
    const std::size_t start = at_;
    if (is("half") && is("an", 1) && is("hour", 2)) {
        at_ += 3;
        return Quantity{30, Unit::minute};
    }
    int amount = 0;
    if (is_any({"a", "an"})) {
        amount = 1;
        ++at_;
        if (take("couple")) {
            take("of");
            amount = 2;
        }
    } else if (is_number() && !word().is_ordinal) {
        amount = word().number;
        ++at_;
    } else {
        return std::nullopt;
    }
    if (is("fortnight")) {
        ++at_;
        return Quantity{2 * amount, Unit::week};
    }
    const auto unit = unit_of(word());
    if (!unit || amount > quantity_max) {
        at_ = start;
        return std::nullopt;
    }
    ++at_;
    if (*unit == Unit::hour && is("and") && is("a", 1) && is("half", 2)) {
        at_ += 3;
        return Quantity{amount * 60 + 30, Unit::minute};
    }
    return Quantity{amount, *unit};
}

bool SpokenReader::move_by(int amount, Unit unit) {
    switch (unit) {
        case Unit::minute:
        case Unit::hour: {
            // By the clock on the wall: across a change of the clocks, two hours are still two
            // hours.
            const auto span =
                unit == Unit::minute ? std::chrono::minutes(amount) : std::chrono::hours(amount);
            const LocalTime then = zone_.local(now_ + span);
            set_date(then.date);
            minutes_ = then.minutes;
            is_exact_ = true;
            break;
        }
        case Unit::day: set_date(add_days(today_, amount)); break;
        case Unit::week:
            if (weekday_) {
                week_ = amount;  // "Tuesday in two weeks"
            } else {
                weeks_ahead_ = amount;  // a weekday may follow
            }
            break;
        case Unit::month: set_date(add_months(today_, amount)); break;
        case Unit::year: set_date(add_months(today_, 12 * amount)); break;
    }
    return true;
}

// ---- the whole ----------------------------------------------------------------------------------

Date SpokenReader::coming(int number, int day) const {
    int year = int(today_.year());
    if (const Date date = date_of(year, number, day);
        date.ok() && sys_days(date) >= sys_days(today_))
        return date;
    const Date date = date_of(year + 1, number, day);
    if (!date.ok()) {
        stop(Trouble::impossible,
             fmt::format("there is no {} in {} or {}", month_and_day(number, day), year, year + 1));
    }
    return date;
}

Date SpokenReader::month_day_date() const {
    const auto [number, day] = *month_day_;
    if (!year_) return coming(number, day);
    const Date date = date_of(*year_, number, day);
    if (!date.ok())
        stop(Trouble::impossible,
             fmt::format("there is no {} in {}", month_and_day(number, day), *year_));
    return date;
}

Date SpokenReader::day_of_month_date() const {
    const int day = *day_of_month_;
    if (day < 1 || day > 31)
        stop(Trouble::impossible, fmt::format("there is no day {} in a month", day));
    const Date first = date_of(int(today_.year()), static_cast<int>(unsigned(today_.month())), 1);
    if (month_step_) {
        const Date date = with_day(add_months(first, *month_step_), day);
        if (!date.ok())
            stop(Trouble::impossible, fmt::format("there is no day {} in that month", day));
        return date;
    }
    // The next month that has such a day.
    for (int months = 0; months < 12; ++months) {
        const Date date = with_day(add_months(first, months), day);
        if (date.ok() && sys_days(date) >= sys_days(today_)) return date;
    }
    stop(Trouble::impossible, fmt::format("there is no day {}", day));
}

Date SpokenReader::weekday_date() const {
    const int ahead = (*weekday_ - weekday_of(today_) + 7) % 7;
    const int in_this_week = day_in_week(*weekday_) - day_in_week(weekday_of(today_));
    if (week_) return add_days(today_, in_this_week + 7 * *week_);
    switch (modifier_) {
        case Modifier::this_one: return add_days(today_, ahead);
        case Modifier::next: return add_days(today_, in_this_week + 7);
        case Modifier::last: return add_days(today_, ahead == 0 ? -7 : ahead - 7);
        case Modifier::none: break;
    }
    return add_days(today_, ahead == 0 ? 7 : ahead);
}

void SpokenReader::settle_date() {
    if (month_day_) set_date(month_day_date());
    if (day_of_month_ && !date_) set_date(day_of_month_date());
    if (day_of_month_ && date_ && int(unsigned(date_->day())) != *day_of_month_)
        stop(Trouble::impossible, "two different days are named");
    if (weeks_ahead_) {
        if (weekday_) {
            week_ = *weeks_ahead_;
        } else {
            set_date(add_days(today_, 7 * *weeks_ahead_));
        }
    }
    if (weekday_ && date_ && !is_from_) {
        if (weekday_of(*date_) != *weekday_) {
            stop(Trouble::impossible,
                 fmt::format("{} is a {}",
                             spoken_date(*date_).substr(spoken_date(*date_).find(", ") + 2),
                             capital(weekday_name(*date_))),
                 {SpokenTime{date_, std::nullopt, ""}});
        }
    } else if (weekday_) {
        set_date(weekday_date());
    } else if (week_ && !date_) {
        stop(Trouble::incomplete,
             *week_ == 0 ? "which day of this week?" : "which day of that week?");
    } else if (month_step_ && !date_) {
        stop(Trouble::incomplete, "which day of that month?");
    } else if (year_ && !date_) {
        stop(Trouble::incomplete, "which day of that year?");
    }
    if (extra_months_ != 0 || extra_days_ != 0) {
        if (!date_) stop(Trouble::incomplete, "counted from which day?");
        date_ = add_days(add_months(*date_, extra_months_), extra_days_);
    }
}

}  // namespace parley::script
