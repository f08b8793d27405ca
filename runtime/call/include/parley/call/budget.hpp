// budget.hpp: what calls have cost today, and whether they may cost more.
//
// Three limits in USD: of one call, of all calls with one number in a day, and of all calls in a
// day. A day is one of UTC. A call that reaches a limit is wrapped up; a call that comes when its
// number's or the day's is reached is not connected to a model at all.
//
// Sans-I/O: the time is a parameter. Thread: any; a mutex, taken once for each answer of a model.
#pragma once

#include <parley/core/clock.hpp>

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace parley::call {

class Budget {
 public:
    struct Limits {  // 0: none
        double call_usd = 0;
        double number_day_usd = 0;
        double day_usd = 0;
    };
    // Beyond it new numbers count for the day only: their number comes from outside.
    static constexpr std::size_t numbers_max = 100'000;

    explicit Budget(Limits limits) : limits_(limits) {}

    void set_limits(Limits limits);
    // What a call with `number` cost just now, or before this process began.
    void add(std::string_view number, double cost_usd, WallTime now);
    // The limit that is reached, in words: "this call has cost 0.52 USD, limits.money.call_usd is
    // 0.50". `call_usd`: what the call has cost so far.
    std::optional<std::string> reached(std::string_view number, double call_usd,
                                       WallTime now) const;
    double today_usd(WallTime now) const;

 private:
    std::int64_t day_of(WallTime now) const;
    void begin_day(WallTime now);

    mutable std::mutex mutex_;
    Limits limits_;
    std::int64_t day_ = 0;
    double day_usd_ = 0;
    std::map<std::string, double, std::less<>> by_number_;
};

}  // namespace parley::call
