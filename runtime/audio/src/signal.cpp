#include <parley/audio/signal.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace parley::audio {
namespace {

constexpr double full_scale = 32'768;
constexpr double quietest_db = -120;

double to_db(double power_ratio) {
    return power_ratio <= 1e-12 ? quietest_db : 10 * std::log10(power_ratio);
}

}  // namespace

std::vector<std::int16_t> sine(double hz, int rate_hz, std::chrono::milliseconds length,
                               double amplitude) {
    std::vector<std::int16_t> samples(static_cast<std::size_t>(rate_hz * length.count() / 1'000));
    const double step = 2 * std::numbers::pi * hz / rate_hz;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double value = amplitude * full_scale * std::sin(step * static_cast<double>(i));
        samples[i] = static_cast<std::int16_t>(std::clamp(std::lround(value), -32'768L, 32'767L));
    }
    return samples;
}

double level_dbfs(std::span<const std::int16_t> samples) {
    if (samples.empty()) return quietest_db;
    double sum = 0;
    for (const std::int16_t sample : samples) sum += double{static_cast<double>(sample)} * sample;
    return to_db(sum / static_cast<double>(samples.size()) / (full_scale * full_scale));
}

SineFit fit_sine(std::span<const std::int16_t> samples, double hz, int rate_hz) {
    // Least squares for a*sin + b*cos.
    const double step = 2 * std::numbers::pi * hz / rate_hz;
    double ss = 0, cc = 0, sc = 0, ys = 0, yc = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double s = std::sin(step * static_cast<double>(i));
        const double c = std::cos(step * static_cast<double>(i));
        ss += s * s;
        cc += c * c;
        sc += s * c;
        ys += samples[i] * s;
        yc += samples[i] * c;
    }
    const double determinant = ss * cc - sc * sc;
    if (determinant <= 0) return {0, 0, quietest_db};
    const double a = (ys * cc - yc * sc) / determinant;
    const double b = (yc * ss - ys * sc) / determinant;
    double wanted = 0;
    double rest = 0;
    for (std::size_t i = 0; i < samples.size(); ++i) {
        const double fitted = a * std::sin(step * static_cast<double>(i)) +
                              b * std::cos(step * static_cast<double>(i));
        wanted += fitted * fitted;
        rest += (samples[i] - fitted) * (samples[i] - fitted);
    }
    return {std::hypot(a, b) / full_scale, std::atan2(b, a), to_db(wanted / std::max(rest, 1e-9))};
}

}  // namespace parley::audio
