#include <parley/audio/tones.hpp>

#include <parley/audio/g711.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace parley::audio {
namespace {

constexpr std::string_view keys_in_rows = "123A456B789C*0#D";
constexpr std::array<double, 4> row_hz{697, 770, 852, 941};
constexpr std::array<double, 4> column_hz{1'209, 1'336, 1'477, 1'633};

constexpr std::size_t samples_per_ms = telephone_hz / 1'000;
constexpr std::size_t tone_samples = 100 * samples_per_ms;
constexpr std::size_t gap_samples = 100 * samples_per_ms;
constexpr std::size_t pause_samples = 500 * samples_per_ms;

// A full-scale sine of µ-law is +3.17 dBm0.
constexpr double full_scale = 32'124;
constexpr double full_scale_dbm0 = 3.17;

double amplitude_of(double dbm0) {
    return full_scale * std::pow(10.0, (dbm0 - full_scale_dbm0) / 20);
}

double sine_at(double hz, std::size_t sample) {
    return std::sin(2 * std::numbers::pi * hz * static_cast<double>(sample) / telephone_hz);
}

std::uint8_t code_of(double value) {
    return linear_to_mulaw(
        static_cast<std::int16_t>(std::clamp(std::lround(value), -32'768L, 32'767L)));
}

// Four notes of each chord, up and down again: C, A minor, F, G.
constexpr std::size_t notes_per_chord = 8;
constexpr std::size_t note_samples = 500 * samples_per_ms;
constexpr std::array<std::array<double, 4>, 4> chords_hz{{{261.63, 329.63, 392.00, 523.25},
                                                          {220.00, 261.63, 329.63, 440.00},
                                                          {174.61, 220.00, 261.63, 349.23},
                                                          {196.00, 246.94, 293.66, 392.00}}};
constexpr std::array<std::size_t, notes_per_chord> order{0, 1, 2, 3, 2, 3, 2, 1};
constexpr double note_dbm0 = -22;  // well below speech
constexpr double overtone = 0.25;  // of twice the frequency: less of a test tone
constexpr double fade_s = 0.45;    // to a third
constexpr std::size_t attack_samples = 15 * samples_per_ms;
constexpr std::size_t ring_samples = 3 * note_samples;  // a note is heard into the next two

}  // namespace

bool is_dtmf_key(char key) {
    return key != '\0' && keys_in_rows.find(key) != std::string_view::npos;
}

std::vector<std::uint8_t> dtmf_tones(std::string_view keys) {
    const double amplitude = amplitude_of(-8);
    std::vector<std::uint8_t> codes;
    for (const char key : keys) {
        if (key == 'w') codes.insert(codes.end(), pause_samples, mulaw_silence);
        if (!is_dtmf_key(key)) continue;
        const auto place = keys_in_rows.find(key);
        for (std::size_t i = 0; i < tone_samples; ++i) {
            codes.push_back(code_of(
                amplitude * (sine_at(row_hz[place / 4], i) + sine_at(column_hz[place % 4], i))));
        }
        codes.insert(codes.end(), gap_samples, mulaw_silence);
    }
    return codes;
}

std::vector<std::uint8_t> hold_music() {
    std::vector<double> sum(chords_hz.size() * notes_per_chord * note_samples, 0.0);
    std::size_t start = 0;
    for (const auto& chord : chords_hz) {
        for (const std::size_t note : order) {
            for (std::size_t i = 0; i < ring_samples; ++i) {
                const double attack =
                    std::min(1.0, static_cast<double>(i) / static_cast<double>(attack_samples));
                const double release = std::min(1.0, static_cast<double>(ring_samples - i) /
                                                         static_cast<double>(attack_samples));
                const double fade =
                    std::exp(-static_cast<double>(i) / (fade_s * telephone_hz)) * attack * release;
                // The last notes ring on in the first ones: there is no seam.
                sum[(start + i) % sum.size()] +=
                    fade * (sine_at(chord[note], i) + overtone * sine_at(2 * chord[note], i));
            }
            start += note_samples;
        }
    }
    const double amplitude = amplitude_of(note_dbm0);
    std::vector<std::uint8_t> codes;
    codes.reserve(sum.size());
    for (const double value : sum) codes.push_back(code_of(amplitude * value));
    return codes;
}

}  // namespace parley::audio
