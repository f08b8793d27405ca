#include "spoken_time.hpp"

#include "spoken_words.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace parley::script {
namespace {

using Kind = SpokenWord::Kind;
using Trouble = SpokenProblem::Kind;
using std::chrono::sys_days;

constexpr int day_minutes = 24 * 60;
constexpr std::size_t words_max = 40;
constexpr std::size_t text_bytes_max = 500;
constexpr int quantity_max = 1'000;

constexpr auto fillers = std::to_array<std::string_view>(
    {"the",    "at",     "on",      "um",      "uh",    "er",       "erm",
     "please", "around", "about",   "say",     "maybe", "for",      "well",
     "so",     "like",   "ok",      "okay",    "yes",   "lets",     "then",
     "and",    "sharp",  "exactly", "perhaps", "how",   "sometime", "by"});

enum class Unit { minute, hour, day, week, month, year };

std::optional<Unit> unit_of(const SpokenWord& word) {
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

// Raised inside the reader only; parse_spoken() turns it into the result.
struct Stop {
    SpokenProblem problem;
};

[[noreturn]] void stop(Trouble kind, std::string message, std::vector<SpokenTime> readings = {}) {
    throw Stop{{kind, std::move(message), std::move(readings)}};
}

// One phrase, read from left to right. Each match_ function takes words from at_ on or leaves it
// alone.
class Reader {
 public:
    Reader(std::vector<SpokenWord> words, WallTime now, const TimeZone& zone, DateOrder order)
        : words_(std::move(words)),
          now_(now),
          zone_(zone),
          order_(order),
          local_(zone.local(now)),
          today_(local_.date) {}

    SpokenTime run() {
        while (at_ < words_.size()) {
            if (!match_date() && !match_relative() && !match_time() && !match_filler())
                stop(Trouble::unclear, fmt::format("\"{}\" is not understood", word().text));
        }
        return settle();
    }

 private:
    // ---- words ----
    static const SpokenWord& nothing() {
        static const SpokenWord none;
        return none;
    }
    const SpokenWord& word(std::size_t ahead = 0) const {
        return at_ + ahead < words_.size() ? words_[at_ + ahead] : nothing();
    }
    bool is(std::string_view text, std::size_t ahead = 0) const { return word(ahead).is(text); }
    bool is_any(std::initializer_list<std::string_view> texts, std::size_t ahead = 0) const {
        return std::any_of(texts.begin(), texts.end(),
                           [&](std::string_view text) { return is(text, ahead); });
    }
    bool take(std::string_view text) {
        if (!is(text)) return false;
        ++at_;
        return true;
    }
    bool is_number(std::size_t ahead = 0) const { return word(ahead).kind == Kind::number; }
    std::optional<int> weekday(std::size_t ahead = 0) const {
        return word(ahead).kind == Kind::word ? weekday_number(word(ahead).text) : std::nullopt;
    }
    std::optional<int> month(std::size_t ahead = 0) const {
        return word(ahead).kind == Kind::word ? month_number(word(ahead).text) : std::nullopt;
    }

    bool match_filler() {
        const bool is_filler =
            word().kind == Kind::word &&
            std::find(fillers.begin(), fillers.end(), word().text) != fillers.end();
        if (is_filler) ++at_;
        return is_filler;
    }

    // ---- dates ----
    void set_date(Date date) {
        if (date_ && *date_ != date) stop(Trouble::impossible, "two different days are named");
        date_ = date;
    }
    void set_weekday(int number) {
        if (weekday_ && *weekday_ != number)
            stop(Trouble::impossible, "two different days of the week are named");
        weekday_ = number;
    }
    void set_part(std::string_view part) {
        if (!part_.empty() && part_ != part)
            stop(Trouble::impossible, "two different parts of the day are named");
        part_ = part;
    }

    bool match_date() {
        return match_named_day() || match_modified() || match_weekday() || match_month_day() ||
               match_written_date();
    }

    bool match_named_day() {
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
    bool match_modified() {
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

    bool match_weekday() {
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
    bool match_month_day() {
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

    bool set_month_day(int number, int day) {
        const bool exists = day >= 1 && day <= 31 && date_of(2028, number, day).ok();
        if (!exists)
            stop(Trouble::impossible, fmt::format("there is no day {} in that month", day));
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

    bool match_written_date() {
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
                     fmt::format("{} can be {} or {}", now.text,
                                 month_and_day(now.number, now.second),
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
    bool take_written(int year, int number, int day) {
        check_month_day(number, day);
        if (!date_of(year, number, day).ok())
            stop(Trouble::impossible,
                 fmt::format("there is no {} in {}", month_and_day(number, day), year));
        set_date(date_of(year, number, day));
        ++at_;
        return true;
    }
    void check_month_day(int number, int day) const {
        if (number < 1 || number > 12 || day < 1 || day > 31 || !date_of(2028, number, day).ok())
            stop(Trouble::impossible, fmt::format("{} is not a day that exists", word().text));
    }
    bool set_month_day_plain(int number, int day) {
        month_day_ = {number, day};
        return true;
    }

    // ---- "in two weeks", "three days from now", "a week from Tuesday" ----
    bool match_relative() {
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

    struct Quantity {
        int amount;
        Unit unit;
    };
    // "two weeks", "a week", "a couple of days", "half an hour", "an hour and a half", "a
    // fortnight"
    std::optional<Quantity> match_quantity() {
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

    bool move_by(int amount, Unit unit) {
        switch (unit) {
            case Unit::minute:
            case Unit::hour: {
                // By the clock on the wall: across a change of the clocks, two hours are still two
                // hours.
                const auto span = unit == Unit::minute ? std::chrono::minutes(amount)
                                                       : std::chrono::hours(amount);
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

    // ---- times of day ----
    void set_minutes(int hour, int minute) {
        const int minutes = hour * 60 + minute;
        if (minutes_) stop(Trouble::impossible, "two different times are named");
        minutes_ = minutes;
    }

    bool match_time() {
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
    bool match_part() {
        const std::size_t skip = is("in") && is("the", 1) ? 2 : is("at") && is("night", 1) ? 1 : 0;
        if (!is_any({"morning", "afternoon", "evening", "night"}, skip)) return false;
        set_part(word(skip).text);
        at_ += skip + 1;
        return true;
    }

    // "half past three", "quarter to four", "ten minutes past two", "half three"
    bool match_past_or_to() {
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

    void set_hour(const SpokenWord& hour, int minute) {
        if (hour.number > 24 || minute > 59 || (hour.number == 24 && minute > 0))
            stop(Trouble::impossible, fmt::format("{} is not a time of day", hour.text));
        set_minutes(hour.number % 24, minute);
        // 00:30, 03:30, 14:30 are times of a 24-hour clock.
        if (hour.number == 0 || hour.number > 12 || (hour.has_two_digits && hour.number < 10))
            is_exact_ = true;
    }

    // "14:30", "2 pm", "three thirty", "three oh five", "three o'clock", "3"
    bool match_clock() {
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
        } else if (is_number() && !word().is_ordinal && word().number >= 10 &&
                   word().number <= 59) {
            minute = word().number;
            ++at_;
        }
        set_hour(hour, minute);
        take("oclock");
        if (take("hundred")) is_exact_ = true;
        take("hours");
        return true;
    }

    // ---- the whole ----
    Date coming(int number, int day) const {
        int year = int(today_.year());
        if (const Date date = date_of(year, number, day);
            date.ok() && sys_days(date) >= sys_days(today_))
            return date;
        const Date date = date_of(year + 1, number, day);
        if (!date.ok()) {
            stop(Trouble::impossible, fmt::format("there is no {} in {} or {}",
                                                  month_and_day(number, day), year, year + 1));
        }
        return date;
    }

    Date month_day_date() const {
        const auto [number, day] = *month_day_;
        if (!year_) return coming(number, day);
        const Date date = date_of(*year_, number, day);
        if (!date.ok())
            stop(Trouble::impossible,
                 fmt::format("there is no {} in {}", month_and_day(number, day), *year_));
        return date;
    }

    Date day_of_month_date() const {
        const int day = *day_of_month_;
        if (day < 1 || day > 31)
            stop(Trouble::impossible, fmt::format("there is no day {} in a month", day));
        const Date first =
            date_of(int(today_.year()), static_cast<int>(unsigned(today_.month())), 1);
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
    static Date with_day(Date date, int day) {
        return {date.year(), date.month(), std::chrono::day(static_cast<unsigned>(day))};
    }

    Date weekday_date() const {
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

    SpokenTime settle() {
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

        SpokenTime spoken{date_, std::nullopt, ""};
        if (minutes_) {
            spoken.minutes = time_of_day();
            // "Tonight at half past twelve" is, by the calendar, tomorrow.
            if (part_ == "night" && *spoken.minutes < 5 * 60 && spoken.date)
                spoken.date = add_days(*spoken.date, 1);
        } else {
            if (!half_.empty()) stop(Trouble::incomplete, fmt::format("which hour, {}?", half_));
            spoken.part = part_;
        }
        if (!spoken.date && !spoken.minutes && spoken.part.empty())
            stop(Trouble::unclear, "no date and no time is named");
        if (spoken.date && (int(spoken.date->year()) < 1 || int(spoken.date->year()) > 9999))
            stop(Trouble::impossible, "the year is beyond 9999");
        if (spoken.date && spoken.minutes) check_clock_change(*spoken.date, *spoken.minutes);
        return spoken;
    }

    static std::string capital(std::string_view name) {
        std::string text(name);
        text[0] = static_cast<char>(text[0] - 'a' + 'A');
        return text;
    }

    int time_of_day() const {
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

    bool is_afternoon(int hour_on_dial) const {
        if (!half_.empty()) return half_ == "pm";
        if (part_ == "morning") return false;
        if (part_ == "afternoon" || part_ == "evening") return true;
        if (part_ == "night") return hour_on_dial >= 5;
        return hour_on_dial <= 6;  // 12 and 1 to 6; 7 to 11 are in the morning
    }

    // In the hour that the clocks skip there is no such time.
    void check_clock_change(Date date, int minutes) const {
        const std::int64_t as_utc =
            sys_days(date).time_since_epoch().count() * 86'400LL + minutes * 60LL;
        for (const std::int64_t around : {as_utc - 86'400, as_utc + 86'400}) {
            const std::int64_t moment = as_utc - zone_.offset_at(around);
            if (moment + zone_.offset_at(moment) == as_utc) return;
        }
        stop(Trouble::impossible, fmt::format("there is no {} on {}: the clocks are put forward",
                                              clock_as_spoken(minutes), spoken_date(date)));
    }

    enum class Modifier { none, this_one, next, last };
    struct MonthDay {
        int number, day;
    };

    const std::vector<SpokenWord> words_;
    const WallTime now_;
    const TimeZone& zone_;
    const DateOrder order_;
    const LocalTime local_;
    const Date today_;
    std::size_t at_ = 0;

    std::optional<Date> date_;
    std::optional<int> weekday_;
    Modifier modifier_ = Modifier::none;
    std::optional<int> week_;         // from this week on: "Tuesday next week" is 1
    std::optional<int> weeks_ahead_;  // "in two weeks"
    std::optional<int> month_step_;
    std::optional<MonthDay> month_day_;
    std::optional<int> day_of_month_;
    std::optional<int> year_;
    int extra_days_ = 0, extra_months_ = 0;  // "a week from ..."
    bool is_from_ = false;

    std::optional<int> minutes_;
    bool is_exact_ = false;  // no am or pm is missing
    std::string half_;       // am, pm
    std::string part_;
};

std::string hour_word(int hour) {
    constexpr std::array<std::string_view, 12> names{"twelve", "one",  "two", "three",
                                                     "four",   "five", "six", "seven",
                                                     "eight",  "nine", "ten", "eleven"};
    return std::string(names[static_cast<std::size_t>(hour % 12)]);
}

}  // namespace

void throw_exception_from_error(const SpokenProblem& problem, const boost::source_location&) {
    throw std::runtime_error(problem.message);
}

boost::system::result<SpokenTime, SpokenProblem> parse_spoken(std::string_view text, WallTime now,
                                                              const TimeZone& zone,
                                                              DateOrder order) {
    if (text.size() > text_bytes_max)
        return SpokenProblem{Trouble::unclear, "the text is too long for a date"};
    auto words = spoken_words(text);
    if (words.empty()) return SpokenProblem{Trouble::unclear, "no date and no time is named"};
    if (words.size() > words_max)
        return SpokenProblem{Trouble::unclear, "the text is too long for a date"};
    try {
        return Reader(std::move(words), now, zone, order).run();
    } catch (Stop& stopped) {
        return std::move(stopped.problem);
    }
}

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
