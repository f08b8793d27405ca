// playback.hpp: what the caller hears: Twilio's playback buffer with its clock.
//
// One queue: media is played in arrival order at 8,000 bytes a second and may arrive faster. A mark
// stands at the end of the queue as it was, and comes back when everything before it has been
// played; at once if nothing waits. A clear empties the queue and brings all marks back. What was
// really played is kept with its time. Sans-I/O: the time is a parameter, counted from the stream's
// beginning. Times must not go back.
#pragma once

#include <parley/core/clock.hpp>

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

namespace parley::sim {

class Playback {
 public:
    struct Options {
        // Twilio's mixer works on whole 20 ms frames: with this, what is left over when the queue
        // runs dry is lost, so that senders of ragged pieces fail their tests.
        bool strict_frames = false;
        std::size_t queued_bytes_max = 8'000 * 600;  // beyond it media is dropped
    };
    struct Echo {
        std::string name;
        milliseconds at;
        bool was_cleared = false;
    };

    Playback() : Playback(Options{}) {}
    explicit Playback(Options options) : options_(options) {}

    // False: the queue is full and the audio was dropped.
    bool media(std::span<const std::uint8_t> audio, milliseconds now);
    void mark(std::string name, milliseconds now);
    void clear(milliseconds now);

    // Marks that are due, in order.
    std::vector<Echo> take_echoes(milliseconds now);
    // When the next mark is due; milliseconds::max() if none waits.
    milliseconds next_due() const;

    bool is_playing(milliseconds now) const;
    milliseconds queued(milliseconds now) const;
    // The µ-law heard from the beginning up to `now`; silence where nothing was played.
    const std::vector<std::uint8_t>& heard(milliseconds now);

    std::size_t ragged_bytes_lost() const { return ragged_bytes_lost_; }
    int clears() const { return clears_; }
    int marks_waiting() const { return static_cast<int>(marks_.size()); }

 private:
    struct Mark {
        std::string name;
        std::int64_t position;  // on the time line, in samples
    };
    static std::int64_t samples(milliseconds time) { return time.count() * 8; }
    void advance(std::int64_t now);

    Options options_;
    std::vector<std::uint8_t> line_;  // what was and will be played, by time
    std::int64_t end_ = 0;            // of what is queued, on the time line
    std::int64_t run_begin_ = 0;      // of the unbroken playing that ends at end_
    std::deque<Mark> marks_;
    std::vector<Echo> echoes_;
    std::vector<std::uint8_t> heard_;
    std::size_t ragged_bytes_lost_ = 0;
    int clears_ = 0;
};

}  // namespace parley::sim
