// gap_filler.hpp: keeps the model's clock going when the caller's audio has holes.
//
// Problem: a model's speech detection counts appended audio, not seconds. Where Twilio skips
// packets, or sends nothing at all for a while, the model would wait for ever for the pause that
// ends the caller's turn.
// Idea: timestamps tell of holes; silence of the same length is put in, at most a second each. When
// nothing comes for 750 ms, a second of silence is put in at once, and the hole it leaves behind is
// not filled again. Not every peer counts well (some put samples where milliseconds belong), so
// silence beyond what the wall clock explains is limited to one second in all: wrong timestamps
// cannot drown the speech.
//
// Sans-I/O. Owner: one stream. Thread: the stream's.
#pragma once

#include <parley/core/clock.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace parley::telephony {

class GapFiller {
 public:
    struct Options {
        std::size_t bytes_per_ms = 8;
        milliseconds jump_min{20};  // smaller ones are jitter in the counting
        milliseconds fill_max{1'000};
        milliseconds stall_after{750};
        milliseconds stall_fill{1'000};
        // in a row, repeated or back; then the peer counts anew, or not at all, and is followed
        int backward_max = 10;
    };
    struct Advice {
        bool drop = false;              // repeated or out of order
        std::size_t silence_bytes = 0;  // to be heard before this piece
    };

    GapFiller() : GapFiller(Options{}) {}
    explicit GapFiller(Options options) : options_(options) {}

    Advice on_media(std::optional<std::int64_t> timestamp_ms, std::optional<std::int64_t> chunk,
                    std::size_t bytes, TimePoint now);

    // When to ask on_time() next: the earliest moment at which the stream may count as stalled;
    // max() before the first media.
    TimePoint deadline() const;
    // Bytes of silence to be heard now; once per stall.
    std::size_t on_time(TimePoint now);

    std::int64_t dropped_count() const { return dropped_; }
    std::int64_t filled_bytes() const { return filled_; }

 private:
    std::size_t affordable(std::size_t wanted, TimePoint now) const;
    std::size_t bytes_of(milliseconds length) const;

    Options options_;
    std::optional<TimePoint> first_at_;
    TimePoint last_at_ = TimePoint::min();
    // position in bytes where the next piece should begin
    std::optional<std::int64_t> expected_;
    std::optional<std::int64_t> last_timestamp_;
    std::optional<std::int64_t> last_chunk_;
    std::int64_t heard_ = 0;  // bytes handed on, silence included
    std::int64_t filled_ = 0;
    std::int64_t dropped_ = 0;
    int backward_ = 0;
    bool is_stalled_ = false;
};

}  // namespace parley::telephony
