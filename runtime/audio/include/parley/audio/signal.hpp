// signal.hpp: test tones and what can be said of a signal: level, frequency, noise. For
// measurements, fakes and tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

namespace parley::audio {

// `amplitude` of 1 is full scale.
std::vector<std::int16_t> sine(double hz, int rate_hz, std::chrono::milliseconds length,
                               double amplitude = 0.5);

// Root mean square against full scale: a full-scale sine is -3 dBFS, silence -120.
double level_dbfs(std::span<const std::int16_t> samples);

// The best fit of a sine of `hz` to the samples, and what it leaves over.
struct SineFit {
    double amplitude = 0;  // 1 is full scale
    double phase = 0;      // in radians at the first sample; 0 for sin(0)
    double snr_db = 0;     // fitted sine against the rest
};
SineFit fit_sine(std::span<const std::int16_t> samples, double hz, int rate_hz);

}  // namespace parley::audio
