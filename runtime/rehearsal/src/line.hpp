// line.hpp: the caller's end of a rehearsed call: plays on the virtual clock, and echoes marks when
// they are heard.
//
// Owner:  a Line belongs to the rig; the session owns the channel to it, which may go first.
// Thread: the rig's.
#pragma once

#include <parley/call/ports.hpp>
#include <parley/core/virtual_clock.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <string>

namespace parley::rehearsal {

class Line {
 public:
    Line(const VirtualClock& clock, call::EventSink*& sink);

    std::unique_ptr<call::Channel> make_channel();

    bool is_playing() const { return clock_.now() < until_ || !marks_.empty(); }
    TimePoint audible_since() const { return since_; }  // of the latest stretch of speech
    TimePoint audible_until() const { return until_; }
    bool was_hung_up_by_us() const { return is_hung_up_; }
    // The caller is with somebody else, or on the way there.
    const std::optional<call::Transfer>& handed_over() const { return handed_over_; }
    TimePoint handed_over_at() const { return handed_over_at_; }
    void take_back() { handed_over_.reset(); }
    // The first byte of what has begun to play since the last call; 0 when nothing has.
    std::uint8_t take_begun() { return std::exchange(begun_, std::uint8_t{0}); }

 private:
    class Channel;
    struct Mark {
        std::uint32_t id;
        TimePoint due;
    };
    void play(call::Bytes audio);
    void mark(std::uint32_t id);
    void clear();
    void arm();
    void ring();

    const VirtualClock& clock_;
    call::EventSink*& sink_;
    std::unique_ptr<Alarm> alarm_;
    std::deque<Mark> marks_;
    TimePoint since_ = TimePoint::min();
    TimePoint until_ = TimePoint::min();
    std::uint8_t begun_ = 0;
    std::uint8_t playing_ = 0;
    bool is_hung_up_ = false;
    std::optional<call::Transfer> handed_over_;
    TimePoint handed_over_at_ = TimePoint::min();
};

}  // namespace parley::rehearsal
