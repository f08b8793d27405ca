// resampler.hpp: one mono stream from one sample rate to another, by libsoxr.
//
// Feed it pieces of any length; the state carries over, so that pieces join without a click. It
// holds back some milliseconds (recipes.hpp measures how many); flush() pushes them out at the end.
//
// Owner:  whoever makes it, one per direction of a call.
// Thread: one at a time; no locks.
// Cost:   about 50 KB and 2 µs per 20 ms frame; making or resetting one takes about 10 µs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace parley::audio {

// How libsoxr is asked to filter. Frequencies are parts of half the lower of the two rates.
struct Recipe {
    enum class Quality { quick, low, medium, high, very_high };  // libsoxr's own presets
    enum class Phase { linear, minimum };

    std::string name;
    Quality quality = Quality::low;
    double passband_end = 0;    // 0: as the preset has it
    double stopband_begin = 0;  // 0: as the preset has it
    Phase phase = Phase::linear;
    // smallest block of the transforms, 8..15; 0: libsoxr's default (10)
    unsigned log2_dft_size = 0;
};

// For calls: holds back 16 ms on 20 ms frames. recipes.hpp has the measurements behind the choice.
const Recipe& call_recipe();
// For whole recordings, where delay does not matter.
const Recipe& offline_recipe();

class Resampler {
 public:
    // Rates of 1,000 to 192,000 Hz; anything else is a Bug.
    Resampler(int rate_in_hz, int rate_out_hz, const Recipe& recipe = call_recipe());
    ~Resampler();
    Resampler(Resampler&&) noexcept;
    Resampler& operator=(Resampler&&) noexcept;

    // Appends what is ready to `out`.
    void process(std::span<const std::int16_t> in, std::vector<std::int16_t>& out);
    // The input has ended: appends the rest. Afterwards it is as new.
    void flush(std::vector<std::int16_t>& out);
    // Forgets what is held back; the next sample starts a new signal.
    void reset();

 private:
    struct Soxr;
    std::unique_ptr<Soxr> soxr_;
};

// A whole recording at once, with the offline recipe.
std::vector<std::int16_t> resampled(std::span<const std::int16_t> in, int rate_in_hz,
                                    int rate_out_hz);

}  // namespace parley::audio
