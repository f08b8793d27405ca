// clock.hpp: time as the runtime sees it.
//
// Rules get the time as a parameter; only shells ask a Timekeeper. Tests drive a virtual one.
// Thread: a Timekeeper belongs to one io thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace parley {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using std::chrono::milliseconds;

// Milliseconds since the Unix epoch, the form stored and sent ("at_ms").
inline std::int64_t unix_ms(WallTime when) {
    return std::chrono::duration_cast<milliseconds>(when.time_since_epoch()).count();
}

// "2026-11-20T18:52:03.120Z"
std::string iso8601(WallTime when);

// One alarm at a time: arming again replaces the earlier deadline; destroying it cancels, also from
// within its ring.
class Alarm {
 public:
    virtual ~Alarm() = default;
    virtual void arm(TimePoint deadline) = 0;
    virtual void cancel() = 0;
};

class Timekeeper {
 public:
    virtual ~Timekeeper() = default;
    virtual TimePoint now() const = 0;
    virtual WallTime wall_now() const = 0;
    // `ring` runs on the owner's thread, never inside arm().
    virtual std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) = 0;
};

// The real clock of one io thread.
class IoTimekeeper final : public Timekeeper {
 public:
    explicit IoTimekeeper(boost::asio::any_io_executor home) : home_(std::move(home)) {}
    TimePoint now() const override { return Clock::now(); }
    WallTime wall_now() const override { return std::chrono::system_clock::now(); }
    std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override;

 private:
    boost::asio::any_io_executor home_;
};

}  // namespace parley
