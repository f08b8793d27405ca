#include <parley/audio/recipes.hpp>

#include <parley/audio/signal.hpp>

#include <malloc.h>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>

namespace parley::audio {
namespace {

using std::chrono::milliseconds;

constexpr int frames_per_second = 50;
// -4 dBFS as a level, with room for the filter's overshoot
constexpr double amplitude = 0.63;
constexpr milliseconds tone_length{1'500};
// before that the first blocks are still being gathered
constexpr std::size_t frames_to_settle = 10;

struct Run {
    std::vector<std::int16_t> out;
    double held_back_ms = 0;
    double us_per_frame = 0;
};

Run run(const Recipe& recipe, int rate_in_hz, int rate_out_hz, double hz) {
    Resampler resampler(rate_in_hz, rate_out_hz, recipe);
    const std::vector<std::int16_t> in = sine(hz, rate_in_hz, tone_length, amplitude);
    const std::size_t frame_size = static_cast<std::size_t>(rate_in_hz / frames_per_second);
    Run result;
    result.out.reserve(static_cast<std::size_t>(rate_out_hz) * 2);
    double us = 0;
    std::size_t frames = 0;
    for (std::size_t at = 0; at + frame_size <= in.size(); at += frame_size, ++frames) {
        const auto before = std::chrono::steady_clock::now();
        resampler.process(std::span(in).subspan(at, frame_size), result.out);
        us += std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before)
                  .count();
        if (frames < frames_to_settle) continue;
        const double fed_ms = 1'000.0 * static_cast<double>(at + frame_size) / rate_in_hz;
        const double got_ms = 1'000.0 * static_cast<double>(result.out.size()) / rate_out_hz;
        result.held_back_ms = std::max(result.held_back_ms, fed_ms - got_ms);
    }
    result.us_per_frame = us / static_cast<double>(frames);
    return result;
}

// Without the filter's run-in; the start is a whole number of periods of every frequency measured.
std::span<const std::int16_t> settled(const Run& run, int rate_out_hz) {
    const std::size_t start = static_cast<std::size_t>(rate_out_hz) / 5;
    return std::span(run.out).subspan(start, run.out.size() - start);
}

}  // namespace

std::vector<Recipe> recipes_to_compare() {
    using Quality = Recipe::Quality;
    using Phase = Recipe::Phase;
    return {
        {"quick (cubic)", Quality::quick, 0, 0, Phase::linear, 0},
        {"low", Quality::low, 0, 0, Phase::linear, 0},
        {"medium", Quality::medium, 0, 0, Phase::linear, 0},
        {"high (libsoxr's default)", Quality::high, 0, 0, Phase::linear, 0},
        {"very high", Quality::very_high, 0, 0, Phase::linear, 0},
        {"high, DFT 256", Quality::high, 0, 0, Phase::linear, 8},
        {"high, DFT 256, minimum phase", Quality::high, 0, 0, Phase::minimum, 8},
        {"high, 0.80-1.20, DFT 256", Quality::high, 0.80, 1.20, Phase::linear, 8},
        {"low, DFT 256", Quality::low, 0, 0, Phase::linear, 8},
        {"low, 0.78-1.05, DFT 256", Quality::low, 0.78, 1.05, Phase::linear, 8},
        {"low, 0.78-1.10, DFT 256 (chosen)", Quality::low, 0.78, 1.10, Phase::linear, 8},
        {"low, 0.85-1.15, DFT 256", Quality::low, 0.85, 1.15, Phase::linear, 8},
    };
}

Measurement measure(const Recipe& recipe, int rate_in_hz, int rate_out_hz) {
    Measurement result;

    const Run tone = run(recipe, rate_in_hz, rate_out_hz, 1'000);
    const SineFit fit = fit_sine(settled(tone, rate_out_hz), 1'000, rate_out_hz);
    result.snr_1khz_db = fit.snr_db;
    // A filter without linear phase also shifts the signal; linear ones line up with the input.
    const double shift_ms = -fit.phase / (2 * std::numbers::pi);
    result.delay_ms = tone.held_back_ms + std::max(0.0, shift_ms);
    result.us_per_frame = tone.us_per_frame;

    result.snr_worst_db = fit.snr_db;
    for (const double hz : {300.0, 500.0, 1'500.0, 2'000.0, 2'500.0, 3'000.0, 3'200.0, 3'400.0}) {
        const Run other = run(recipe, rate_in_hz, rate_out_hz, hz);
        const SineFit other_fit = fit_sine(settled(other, rate_out_hz), hz, rate_out_hz);
        result.snr_worst_db = std::min(result.snr_worst_db, other_fit.snr_db);
        if (hz == 3'400.0)
            result.gain_3400hz_db =
                20 * std::log10(std::max(other_fit.amplitude, 1e-6) / amplitude);
    }
    if (rate_out_hz == 8'000 && rate_in_hz > 9'000) {
        const Run leak = run(recipe, rate_in_hz, rate_out_hz, 4'500);
        const double sent_dbfs = level_dbfs(sine(4'500, rate_in_hz, tone_length, amplitude));
        result.leak_4500hz_db = level_dbfs(settled(leak, rate_out_hz)) - sent_dbfs;
    }

    std::vector<std::int16_t> frame(static_cast<std::size_t>(rate_in_hz / frames_per_second));
    std::vector<std::int16_t> out;
    out.reserve(static_cast<std::size_t>(rate_out_hz));
    const std::size_t before_bytes = mallinfo2().uordblks;
    const auto before = std::chrono::steady_clock::now();
    Resampler resampler(rate_in_hz, rate_out_hz, recipe);
    result.us_to_make =
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - before)
            .count();
    for (std::size_t i = 0; i < frames_per_second; ++i) {
        out.clear();
        resampler.process(frame, out);
    }
    const std::size_t after_bytes = mallinfo2().uordblks;
    result.bytes = after_bytes > before_bytes ? after_bytes - before_bytes : 0;
    return result;
}

}  // namespace parley::audio
