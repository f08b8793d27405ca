#include <parley/sim/agent_ear.hpp>

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>

#include <array>

namespace parley::sim {

namespace {
constexpr std::size_t frame_bytes = 160;
constexpr milliseconds frame_length{20};
}  // namespace

void AgentEar::hear(std::span<const std::uint8_t> heard_so_far) {
    std::array<std::int16_t, frame_bytes> samples;
    while (static_cast<std::size_t>(frames_ + 1) * frame_bytes <= heard_so_far.size()) {
        audio::decode_mulaw(
            heard_so_far.subspan(static_cast<std::size_t>(frames_) * frame_bytes, frame_bytes),
            samples);
        const milliseconds begin = now();
        ++frames_;
        if (audio::level_dbfs(samples) < options_.threshold_dbfs) continue;
        if (!segments_.empty() && begin - segments_.back().end <= options_.gap) {
            segments_.back().end = begin + frame_length;
        } else {
            segments_.push_back({begin, begin + frame_length});
        }
    }
}

}  // namespace parley::sim
