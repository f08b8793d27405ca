// spoken_reader.hpp: one phrase about a date or a time, read from left to right.
//
// Each match_ function takes words from at_ on or leaves it alone; what they find is put together in
// the end. What cannot be read stops the reading. Dates: spoken_dates.cpp; times of day:
// spoken_clock.cpp.
#pragma once

#include "spoken_time.hpp"
#include "spoken_words.hpp"

#include <algorithm>
#include <initializer_list>

namespace parley::script {

class SpokenReader {
 public:
    // What run() throws; parse_spoken() makes a result of it.
    struct Stop {
        SpokenProblem problem;
    };

    SpokenReader(std::vector<SpokenWord> words, WallTime now, const TimeZone& zone, DateOrder order)
        : words_(std::move(words)),
          now_(now),
          zone_(zone),
          order_(order),
          today_(zone.local(now).date) {}

    SpokenTime run();

 private:
    using Kind = SpokenWord::Kind;
    using Trouble = SpokenProblem::Kind;
    enum class Unit { minute, hour, day, week, month, year };
    enum class Modifier { none, this_one, next, last };
    struct Quantity {
        int amount;
        Unit unit;
    };
    struct MonthDay {
        int number, day;
    };

    [[noreturn]] static void stop(Trouble kind, std::string message,
                                  std::vector<SpokenTime> readings = {}) {
        throw Stop{{kind, std::move(message), std::move(readings)}};
    }

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
    bool match_filler();

    // ---- dates ----
    static std::optional<Unit> unit_of(const SpokenWord& word);
    void set_date(Date date);
    void set_weekday(int number);
    bool match_date();
    bool match_named_day();
    bool match_modified();
    bool match_weekday();
    bool match_month_day();
    bool set_month_day(int number, int day);
    bool match_written_date();
    bool take_written(int year, int number, int day);
    void check_month_day(int number, int day) const;
    bool set_month_day_plain(int number, int day);
    bool match_relative();
    std::optional<Quantity> match_quantity();
    bool move_by(int amount, Unit unit);
    Date coming(int number, int day) const;
    Date month_day_date() const;
    Date day_of_month_date() const;
    Date weekday_date() const;
    void settle_date();

    // ---- times of day ----
    void set_part(std::string_view part);
    void set_minutes(int hour, int minute);
    bool match_time();
    bool match_part();
    bool match_past_or_to();
    void set_hour(const SpokenWord& hour, int minute);
    bool match_clock();
    int time_of_day() const;
    bool is_afternoon(int hour_on_dial) const;
    void check_clock_change(Date date, int minutes) const;
    SpokenTime settle();

    const std::vector<SpokenWord> words_;
    const WallTime now_;
    const TimeZone& zone_;
    const DateOrder order_;
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

}  // namespace parley::script
