// agent_ear.hpp: when the caller heard the agent speak, from the audio that was really played.
//
// Sans-I/O: hears 20 ms frames of µ-law in order; time is their number.
#pragma once

#include <parley/core/clock.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace parley::sim {

struct Segment {
    milliseconds begin{0};
    milliseconds end{0};
};

class AgentEar {
 public:
    struct Options {
        double threshold_dbfs = -45;
        milliseconds gap{400};  // shorter pauses belong to the sentence
    };

    AgentEar() : AgentEar(Options{}) {}
    explicit AgentEar(Options options) : options_(options) {}

    // All that was heard since the beginning; only whole new frames are looked at.
    void hear(std::span<const std::uint8_t> heard_so_far);
    const std::vector<Segment>& segments() const { return segments_; }
    milliseconds now() const { return milliseconds(frames_ * 20); }

 private:
    Options options_;
    std::int64_t frames_ = 0;
    std::vector<Segment> segments_;
};

}  // namespace parley::sim
