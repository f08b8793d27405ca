// retry.hpp: when to try a failed write again, and when to say so.
//
// Sans-I/O: the time comes in as a parameter. Tries come 100 ms apart, doubling to 5 s. The log
// gets the first failure and then a reminder every 10 s, so that a full disk does not fill itself
// with log lines.
#pragma once

#include <parley/core/clock.hpp>

#include <algorithm>

namespace parley::store {

class Retry {
 public:
    static constexpr milliseconds first_delay{100};
    static constexpr milliseconds delay_max{5'000};
    static constexpr milliseconds remind_every{10'000};

    bool is_failing() const { return is_failing_; }
    TimePoint next_try() const { return next_try_; }

    // True when this failure is worth a log line.
    bool failed(TimePoint now) {
        if (!is_failing_) {
            is_failing_ = true;
            since_ = now;
            delay_ = first_delay;
        } else {
            delay_ = std::min(delay_ * 2, delay_max);
        }
        next_try_ = now + delay_;
        if (said_at_ != TimePoint::min() && now - said_at_ < remind_every) return false;
        said_at_ = now;
        return true;
    }

    // How long the failure lasted; zero when there was none.
    milliseconds succeeded(TimePoint now) {
        if (!is_failing_) return milliseconds{0};
        is_failing_ = false;
        said_at_ = TimePoint::min();
        return std::max(std::chrono::ceil<milliseconds>(now - since_), milliseconds{1});
    }

 private:
    bool is_failing_ = false;
    TimePoint since_ = {};
    TimePoint next_try_ = {};
    TimePoint said_at_ = TimePoint::min();
    milliseconds delay_ = first_delay;
};

}  // namespace parley::store
