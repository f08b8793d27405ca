// debounce.hpp: when a burst of file changes is over.
//
// A save is several events, a git checkout hundreds. They count as one change once nothing has
// happened for `quiet`; where something always happens, the change is due after `patience` all the
// same.
#pragma once

#include <parley/core/clock.hpp>

#include <optional>

namespace parley::reload {

class Debounce {
 public:
    struct Options {
        milliseconds quiet{200};
        milliseconds patience{2'000};
    };

    explicit Debounce(Options options) : options_(options) {}

    void changed(TimePoint now);
    // When the change will be due; nothing while there is none.
    std::optional<TimePoint> due_at() const;
    // True once for each change, when it is due.
    bool take_due(TimePoint now);
    // What has been seen so far is being dealt with.
    void forget() { first_.reset(); }

 private:
    const Options options_;
    std::optional<TimePoint> first_;
    TimePoint last_{};
};

}  // namespace parley::reload
