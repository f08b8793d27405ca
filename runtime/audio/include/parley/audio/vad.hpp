// vad.hpp: speech or silence, by loudness alone. For fakes and tests; real calls use the model's
// own detection.
//
// Sans-I/O: time is the number of samples heard, so results do not depend on when they arrive.
// Owner: whoever listens. Thread: one at a time.
#pragma once

#include <parley/audio/g711.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace parley::audio {

class EnergyVad {
 public:
    struct Options {
        int rate_hz = telephone_hz;
        // level_dbfs() of a 20 ms frame that counts as speech
        double threshold_dbfs = -40;
        // loud for this long without a break: speech has begun
        std::chrono::milliseconds start_after{40};
        std::chrono::milliseconds hangover{500};  // quiet for this long: speech has ended
    };
    struct Change {
        enum class What { started, stopped } what;
        // in heard audio: where the first loud frame begins, or the last one ends
        std::chrono::milliseconds at;
    };

    EnergyVad() : EnergyVad(Options{}) {}
    explicit EnergyVad(Options options);

    // Any number of samples; appends what changed, in order.
    void hear(std::span<const std::int16_t> samples, std::vector<Change>& changes);
    bool is_speech() const { return is_speech_; }
    std::chrono::milliseconds heard() const;
    void reset();

 private:
    void hear_frame(std::vector<Change>& changes);

    Options options_;
    std::size_t frame_size_;
    std::vector<std::int16_t> frame_;  // being filled
    std::int64_t frames_ = 0;          // complete ones
    std::int64_t loud_since_ = -1;     // frame index, while not yet speech
    std::int64_t last_loud_ = -1;
    bool is_speech_ = false;
};

}  // namespace parley::audio
