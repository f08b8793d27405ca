#include <parley/call/budget.hpp>

#include <fmt/format.h>

namespace parley::call {

void Budget::set_limits(Limits limits) {
    const std::lock_guard lock(mutex_);
    limits_ = limits;
}

std::int64_t Budget::day_of(WallTime now) const {
    return std::chrono::floor<std::chrono::days>(now).time_since_epoch().count();
}

void Budget::begin_day(WallTime now) {
    // A clock that is set back goes on with the later day: nobody gets a second budget by it.
    const auto today = day_of(now);
    if (today <= day_) return;
    day_ = today;
    day_usd_ = 0;
    by_number_.clear();
}

void Budget::add(std::string_view number, double cost_usd, WallTime now) {
    const std::lock_guard lock(mutex_);
    begin_day(now);
    day_usd_ += cost_usd;
    auto known = by_number_.find(number);
    if (known == by_number_.end()) {
        if (number.empty() || by_number_.size() >= numbers_max) return;
        known = by_number_.emplace(std::string(number), 0).first;
    }
    known->second += cost_usd;
}

std::optional<std::string> Budget::reached(std::string_view number, double call_usd,
                                           WallTime now) const {
    const std::lock_guard lock(mutex_);
    const auto is_reached = [](double cost, double limit) { return limit > 0 && cost >= limit; };
    if (is_reached(call_usd, limits_.call_usd)) {
        return fmt::format("this call has cost {:.2f} USD, limits.money.call_usd is {:.2f}",
                           call_usd, limits_.call_usd);
    }
    if (day_of(now) > day_) return std::nullopt;
    const auto known = by_number_.find(number);
    if (known != by_number_.end() && is_reached(known->second, limits_.number_day_usd)) {
        return fmt::format(
            "calls with this number have cost {:.2f} USD today, limits.money.number_day_usd is {:.2f}",
            known->second, limits_.number_day_usd);
    }
    if (is_reached(day_usd_, limits_.day_usd)) {
        return fmt::format("calls have cost {:.2f} USD today, limits.money.day_usd is {:.2f}",
                           day_usd_, limits_.day_usd);
    }
    return std::nullopt;
}

double Budget::today_usd(WallTime now) const {
    const std::lock_guard lock(mutex_);
    return day_of(now) > day_ ? 0 : day_usd_;
}

}  // namespace parley::call
