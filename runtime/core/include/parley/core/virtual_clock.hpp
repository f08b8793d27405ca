// virtual_clock.hpp: time that stands still until it is moved, for rehearsals, replays and tests.
//
// Problem: a call of two minutes must be tried in milliseconds, and the same way each time.
// Idea: alarms wait in one queue, in order of their deadlines and, among equals, of arming. Whoever
// drives the clock lets everything that is ready run, and then jumps to the next alarm.
//
// Owner:  whoever drives the calls of one thread. Timekeepers and alarms may outlive the clock;
// then they never ring.
// Thread: one thread.
#pragma once

#include <parley/core/clock.hpp>

#include <memory>

namespace parley {

class VirtualClock {
 public:
    explicit VirtualClock(WallTime start);

    TimePoint now() const;
    WallTime wall_now() const;
    // The time of day jumps, as when somebody sets a clock; deadlines stay where they are.
    void set_wall(WallTime when);

    // Each call wants a timekeeper of its own.
    std::unique_ptr<Timekeeper> make_timekeeper() const;
    std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) const;

    // When the next alarm is due; TimePoint::max() when none is armed.
    TimePoint next_alarm() const;
    // Moves to the next alarm that is due by `limit` and rings it. None is: moves to `limit` and
    // returns false.
    bool ring_next(TimePoint limit);

 private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace parley
