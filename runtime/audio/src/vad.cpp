#include <parley/audio/vad.hpp>

#include <parley/audio/signal.hpp>
#include <parley/core/result.hpp>

#include <algorithm>

namespace parley::audio {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds frame_length{20};

}  // namespace

EnergyVad::EnergyVad(Options options) : options_(options) {
    ensure(options_.rate_hz >= 1'000, "VAD: the rate must be at least 1,000 Hz");
    frame_size_ = static_cast<std::size_t>(options_.rate_hz * frame_length.count() / 1'000);
    frame_.reserve(frame_size_);
}

void EnergyVad::hear(std::span<const std::int16_t> samples, std::vector<Change>& changes) {
    while (!samples.empty()) {
        const std::size_t take = std::min(samples.size(), frame_size_ - frame_.size());
        frame_.insert(frame_.end(), samples.begin(),
                      samples.begin() + static_cast<std::ptrdiff_t>(take));
        samples = samples.subspan(take);
        if (frame_.size() == frame_size_) hear_frame(changes);
    }
}

milliseconds EnergyVad::heard() const { return frames_ * frame_length; }

void EnergyVad::reset() {
    frame_.clear();
    frames_ = 0;
    loud_since_ = -1;
    last_loud_ = -1;
    is_speech_ = false;
}

void EnergyVad::hear_frame(std::vector<Change>& changes) {
    const bool is_loud = level_dbfs(frame_) >= options_.threshold_dbfs;
    const std::int64_t index = frames_++;
    frame_.clear();
    if (is_loud) last_loud_ = index;

    if (is_speech_) {
        if ((index - last_loud_) * frame_length >= options_.hangover) {
            is_speech_ = false;
            loud_since_ = -1;
            changes.push_back({Change::What::stopped, (last_loud_ + 1) * frame_length});
        }
        return;
    }
    if (!is_loud) {
        loud_since_ = -1;
        return;
    }
    if (loud_since_ < 0) loud_since_ = index;
    if ((index - loud_since_ + 1) * frame_length >= options_.start_after) {
        is_speech_ = true;
        changes.push_back({Change::What::started, loud_since_ * frame_length});
    }
}

}  // namespace parley::audio
