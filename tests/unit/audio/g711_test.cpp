#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/core/result.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

namespace parley::audio {
namespace {

TEST(G711, KnowsTheStandardsEndPoints) {
    EXPECT_EQ(mulaw_to_linear(0x00), -32'124);
    EXPECT_EQ(mulaw_to_linear(0x80), 32'124);
    EXPECT_EQ(mulaw_to_linear(0xFF), 0);
    EXPECT_EQ(mulaw_to_linear(0x7F), 0);
    EXPECT_EQ(mulaw_to_linear(0xFE), 8);
    EXPECT_EQ(alaw_to_linear(0xD5), 8);
    EXPECT_EQ(alaw_to_linear(0x55), -8);
    EXPECT_EQ(alaw_to_linear(0xAA), 32'256);
    EXPECT_EQ(alaw_to_linear(0x2A), -32'256);
    EXPECT_EQ(linear_to_mulaw(0), mulaw_silence);
    EXPECT_EQ(linear_to_alaw(0), alaw_silence);
    EXPECT_EQ(linear_to_mulaw(-32'768), 0x00);
    EXPECT_EQ(linear_to_mulaw(32'767), 0x80);
    EXPECT_EQ(linear_to_alaw(-32'768), 0x2A);
    EXPECT_EQ(linear_to_alaw(32'767), 0xAA);
}

TEST(G711, EveryCodeSurvivesARoundTrip) {
    for (int i = 0; i < 256; ++i) {
        const auto code = static_cast<std::uint8_t>(i);
        // µ-law has two zeros; the negative one becomes the positive one.
        EXPECT_EQ(linear_to_mulaw(mulaw_to_linear(code)), code == 0x7F ? 0xFF : code) << i;
        EXPECT_EQ(linear_to_alaw(alaw_to_linear(code)), code) << i;
    }
}

// The size of the step that `code` stands for: the distance to its neighbour of the same sign
// further out.
int step_of(int segment, int smallest) { return smallest << segment; }

TEST(G711, EverySampleIsWithinHalfAStep) {
    for (int sample = -32'768; sample <= 32'767; ++sample) {
        const auto value = static_cast<std::int16_t>(sample);
        const std::uint8_t mulaw = linear_to_mulaw(value);
        const int mulaw_error = std::abs(mulaw_to_linear(mulaw) - sample);
        const int mulaw_step = step_of((~mulaw >> 4) & 7, 8);
        if (std::abs(sample) <= 32'635) {  // louder is clipped
            ASSERT_LE(mulaw_error * 2, mulaw_step) << sample;
        } else {
            ASSERT_EQ(std::abs(mulaw_to_linear(mulaw)), 32'124) << sample;
        }

        const std::uint8_t alaw = linear_to_alaw(value);
        const int segment = ((alaw ^ 0x55) >> 4) & 7;
        ASSERT_LE(std::abs(alaw_to_linear(alaw) - sample) * 2,
                  step_of(segment == 0 ? 0 : segment - 1, 16))
            << sample;
    }
}

TEST(G711, LouderSamplesNeverDecodeAsQuieterOnes) {
    int last_mulaw = -40'000;
    int last_alaw = -40'000;
    for (int sample = -32'768; sample <= 32'767; ++sample) {
        const int mulaw = mulaw_to_linear(linear_to_mulaw(static_cast<std::int16_t>(sample)));
        const int alaw = alaw_to_linear(linear_to_alaw(static_cast<std::int16_t>(sample)));
        ASSERT_GE(mulaw, last_mulaw) << sample;
        ASSERT_GE(alaw, last_alaw) << sample;
        last_mulaw = mulaw;
        last_alaw = alaw;
    }
}

TEST(G711, KeepsASineAtTelephoneQuality) {
    const std::vector<std::int16_t> tone =
        sine(1'000, telephone_hz, std::chrono::milliseconds(500), 0.5);
    std::vector<std::uint8_t> coded(tone.size());
    std::vector<std::int16_t> back(tone.size());
    encode_mulaw(tone, coded);
    decode_mulaw(coded, back);
    // What ITU-T G.712 asks of a telephone channel.
    EXPECT_GT(fit_sine(back, 1'000, telephone_hz).snr_db, 33);
    EXPECT_NEAR(level_dbfs(back), level_dbfs(tone), 0.1);
    encode_alaw(tone, coded);
    decode_alaw(coded, back);
    EXPECT_GT(fit_sine(back, 1'000, telephone_hz).snr_db, 33);
}

TEST(G711, UnequalSpansAreABug) {
    std::vector<std::uint8_t> codes(3);
    std::vector<std::int16_t> samples(2);
    EXPECT_THROW(decode_mulaw(codes, samples), Bug);
    EXPECT_THROW(encode_alaw(samples, codes), Bug);
}

}  // namespace
}  // namespace parley::audio
