#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/audio/tones.hpp>

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <string>

namespace parley::audio {
namespace {

constexpr std::size_t ms = 8;

std::vector<std::int16_t> linear(std::span<const std::uint8_t> codes) {
    std::vector<std::int16_t> samples(codes.size());
    decode_mulaw(codes, samples);
    return samples;
}

// Goertzel: the power at one frequency, as the amplitude of the sine that has it.
double amplitude_at(std::span<const std::int16_t> samples, double hz) {
    const double turn = 2 * std::cos(2 * std::numbers::pi * hz / telephone_hz);
    double one = 0, two = 0;
    for (const double sample : samples) {
        const double next = sample + turn * one - two;
        two = one;
        one = next;
    }
    const double power = one * one + two * two - turn * one * two;
    return 2 * std::sqrt(std::max(0.0, power)) / static_cast<double>(samples.size());
}

// The keys as a receiver hears them, in blocks of 20 ms: a key counts when it is there for 40 ms, "w"
// is half a second without any.
std::string decoded(std::span<const std::uint8_t> codes) {
    const std::string_view keys = "123A456B789C*0#D";
    const double rows[] = {697, 770, 852, 941}, columns[] = {1'209, 1'336, 1'477, 1'633};
    const auto samples = linear(codes);
    const auto strongest = [](std::span<const std::int16_t> block, std::span<const double> all) {
        int found = -1;
        for (int i = 0; i < 4; ++i) {
            if (amplitude_at(block, all[static_cast<std::size_t>(i)]) < 4'000) continue;
            if (found >= 0) return -1;  // two of one group are no key
            found = i;
        }
        return found;
    };
    std::string heard;
    char before = ' ';
    int blocks = 0;
    for (std::size_t at = 0; at + 20 * ms <= samples.size(); at += 20 * ms) {
        const auto block = std::span(samples).subspan(at, 20 * ms);
        const int row = strongest(block, rows), column = strongest(block, columns);
        const char key =
            row < 0 || column < 0 ? ' ' : keys[static_cast<std::size_t>(row * 4 + column)];
        blocks = key == before ? blocks + 1 : 1;
        before = key;
        if (key != ' ' && blocks == 2) heard += key;
        if (key == ' ' && blocks == 25) heard += 'w';
    }
    return heard;
}

TEST(DtmfTones, AreUnderstoodByAReceiver) {
    EXPECT_EQ(decoded(dtmf_tones("0123456789*#ABCD")), "0123456789*#ABCD");
    EXPECT_EQ(decoded(dtmf_tones("1122")), "1122") << "the same key twice is two keys";
}

TEST(DtmfTones, LastAHundredMillisecondsWithAsMuchSilence) {
    const auto tones = dtmf_tones("5");
    ASSERT_EQ(tones.size(), 200 * ms);
    const auto samples = linear(tones);
    EXPECT_GT(level_dbfs(std::span(samples).subspan(90 * ms, 10 * ms)), -12);
    for (std::size_t i = 100 * ms; i < tones.size(); ++i) ASSERT_EQ(tones[i], mulaw_silence) << i;
}

TEST(DtmfTones, HaveTheirExactFrequenciesAtEightBelowTheReference) {
    const auto samples = linear(dtmf_tones("9"));
    const auto tone = std::span(samples).first(100 * ms);
    const double minus_eight_dbm0 = 32'124 * std::pow(10.0, -(8 + 3.17) / 20);
    for (const double hz : {852.0, 1'477.0}) {
        EXPECT_NEAR(amplitude_at(tone, hz), minus_eight_dbm0, 0.03 * minus_eight_dbm0);
        EXPECT_LT(amplitude_at(tone, hz * 1.03), 0.9 * amplitude_at(tone, hz));
        EXPECT_LT(amplitude_at(tone, hz * 0.97), 0.9 * amplitude_at(tone, hz));
    }
    // Nothing else is there: what two sines of that size leave over is the coding's noise.
    EXPECT_NEAR(level_dbfs(tone), 20 * std::log10(minus_eight_dbm0 / 32'768), 0.2);
}

TEST(DtmfTones, PauseForHalfASecondAtAW) {
    EXPECT_EQ(dtmf_tones("w"), std::vector<std::uint8_t>(500 * ms, mulaw_silence));
    EXPECT_EQ(decoded(dtmf_tones("1w2")), "1w2");
}

TEST(DtmfTones, LeaveOutWhatIsNoKey) {
    EXPECT_TRUE(dtmf_tones("").empty());
    EXPECT_TRUE(dtmf_tones("+ x").empty());
    EXPECT_EQ(dtmf_tones("1 2"), dtmf_tones("12"));
    EXPECT_FALSE(is_dtmf_key('w'));
    EXPECT_FALSE(is_dtmf_key('\0'));
    EXPECT_TRUE(is_dtmf_key('#'));
}

TEST(HoldMusic, IsHeardAllTheTimeAndQuieterThanSpeech) {
    const auto music = hold_music();
    ASSERT_EQ(music.size(), 16'000 * ms);
    ASSERT_EQ(music.size() % (20 * ms), 0u);
    const auto samples = linear(music);
    for (std::size_t at = 0; at < samples.size(); at += 500 * ms) {
        const double level = level_dbfs(std::span(samples).subspan(at, 500 * ms));
        EXPECT_GT(level, -40) << at / ms;
        EXPECT_LT(level, -20) << at / ms;
    }
}

TEST(HoldMusic, LeadsFromItsEndIntoItsBeginning) {
    const auto samples = linear(hold_music());
    int steepest = 0;
    for (std::size_t i = 1; i < samples.size(); ++i)
        steepest = std::max(steepest, std::abs(samples[i] - samples[i - 1]));
    EXPECT_LE(std::abs(samples.front() - samples.back()), steepest);
    const double end = level_dbfs(std::span(samples).last(250 * ms));
    const double start = level_dbfs(std::span(samples).first(250 * ms));
    EXPECT_NEAR(end, start, 8) << "the last note is still heard when the first one comes";
}

TEST(HoldMusic, IsNotTakenForKeys) { EXPECT_EQ(decoded(hold_music()), "w"); }

}  // namespace
}  // namespace parley::audio
