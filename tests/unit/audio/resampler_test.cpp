#include <parley/audio/recipes.hpp>
#include <parley/audio/resampler.hpp>
#include <parley/audio/signal.hpp>
#include <parley/core/result.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace parley::audio {
namespace {

using std::chrono::milliseconds;

std::span<const std::int16_t> middle(const std::vector<std::int16_t>& samples, int rate_hz) {
    const std::size_t edge = static_cast<std::size_t>(rate_hz) / 10;
    return std::span(samples).subspan(edge, samples.size() - 2 * edge);
}

TEST(Resampler, HoldsBackAtMostTwentyMillisecondsAtSeventyDecibels) {
    for (const auto& [in_hz, out_hz] : {std::pair{8'000, 24'000}, std::pair{24'000, 8'000}}) {
        const Measurement found = measure(call_recipe(), in_hz, out_hz);
        EXPECT_LE(found.delay_ms, 20) << in_hz;
        EXPECT_GT(found.delay_ms, 1)
            << in_hz << ": a delay of nothing means that it was not measured";
        EXPECT_GE(found.snr_1khz_db, 70) << in_hz;
        EXPECT_GE(found.snr_worst_db, 70) << in_hz;
        EXPECT_NEAR(found.gain_3400hz_db, 0, 1) << in_hz;
    }
}

TEST(Resampler, TheChosenRecipeIsInTheComparedTable) {
    int found = 0;
    for (const Recipe& recipe : recipes_to_compare()) {
        const Recipe& chosen = call_recipe();
        found += recipe.passband_end == chosen.passband_end &&
                 recipe.stopband_begin == chosen.stopband_begin &&
                 recipe.log2_dft_size == chosen.log2_dft_size && recipe.quality == chosen.quality;
    }
    EXPECT_EQ(found, 1);
}

TEST(Resampler, RemovesWhatTheTelephoneCannotCarry) {
    EXPECT_LT(measure(call_recipe(), 24'000, 8'000).leak_4500hz_db, -80);
    // The measurement can tell: a cubic lets it fold back at full strength.
    EXPECT_GT(
        measure({.name = "quick", .quality = Recipe::Quality::quick}, 24'000, 8'000).leak_4500hz_db,
        -3);
}

TEST(Resampler, GivesAsMuchSoundAsItGot) {
    for (const auto& [in_hz, out_hz] :
         {std::pair{22'050, 8'000}, std::pair{8'000, 24'000}, std::pair{48'000, 24'000}}) {
        const std::vector<std::int16_t> in = sine(440, in_hz, milliseconds(1'000));
        const std::vector<std::int16_t> out = resampled(in, in_hz, out_hz);
        EXPECT_NEAR(static_cast<double>(out.size()), out_hz, 2) << in_hz;
        const SineFit fit = fit_sine(middle(out, out_hz), 440, out_hz);
        EXPECT_GT(fit.snr_db, 70) << in_hz;
        EXPECT_NEAR(fit.amplitude, 0.5, 0.005) << in_hz;
        EXPECT_NEAR(level_dbfs(middle(out, out_hz)), level_dbfs(in), 0.1) << in_hz;
    }
}

TEST(Resampler, PiecesOfAnyLengthJoinWithoutATrace) {
    const std::vector<std::int16_t> in = sine(700, 8'000, milliseconds(400));
    Resampler whole(8'000, 24'000);
    std::vector<std::int16_t> expected;
    whole.process(in, expected);
    whole.flush(expected);

    Resampler pieces(8'000, 24'000);
    std::vector<std::int16_t> joined;
    std::size_t at = 0;
    for (std::size_t length = 1; at < in.size(); length = length * 3 % 331 + 1) {
        const std::size_t take = std::min(length, in.size() - at);
        pieces.process(std::span(in).subspan(at, take), joined);
        at += take;
    }
    pieces.flush(joined);
    EXPECT_EQ(joined, expected);
}

TEST(Resampler, NothingOfTheOldSignalIsLeftAfterAReset) {
    Resampler used(24'000, 8'000);
    std::vector<std::int16_t> ignored;
    used.process(sine(900, 24'000, milliseconds(300), 0.9), ignored);
    used.reset();
    std::vector<std::int16_t> silence_out;
    used.process(std::vector<std::int16_t>(2'400, 0), silence_out);
    ASSERT_FALSE(silence_out.empty());
    EXPECT_EQ(level_dbfs(silence_out), -120);

    // Without the reset it would be there: this test can fail.
    Resampler kept(24'000, 8'000);
    kept.process(sine(900, 24'000, milliseconds(300), 0.9), ignored);
    std::vector<std::int16_t> tail;
    kept.process(std::vector<std::int16_t>(2'400, 0), tail);
    EXPECT_GT(level_dbfs(tail), -60);
}

TEST(Resampler, IsAsNewAfterAFlush) {
    const std::vector<std::int16_t> in = sine(500, 24'000, milliseconds(100));
    Resampler resampler(24'000, 8'000);
    std::vector<std::int16_t> first;
    resampler.process(in, first);
    resampler.flush(first);
    std::vector<std::int16_t> second;
    resampler.process(in, second);
    resampler.flush(second);
    EXPECT_EQ(first, second);
    EXPECT_NEAR(static_cast<double>(first.size()), 800, 1);
}

TEST(Resampler, SameRateInAndOutChangesNothing) {
    const std::vector<std::int16_t> in = sine(500, 8'000, milliseconds(100));
    EXPECT_EQ(resampled(in, 8'000, 8'000), in);
}

TEST(Resampler, RefusesRatesThatMakeNoSense) {
    EXPECT_THROW(Resampler(0, 8'000), Bug);
    EXPECT_THROW(Resampler(8'000, -1), Bug);
    EXPECT_THROW(Resampler(8'000, 1'000'000), Bug);
}

TEST(Resampler, EmptyInputGivesNothing) {
    Resampler resampler(8'000, 24'000);
    std::vector<std::int16_t> out;
    resampler.process({}, out);
    resampler.flush(out);
    EXPECT_TRUE(out.empty());
}

TEST(Signal, LevelsAreThoseOfTheBooks) {
    EXPECT_NEAR(level_dbfs(sine(1'000, 8'000, milliseconds(100), 0.99997)), -3.01, 0.01);
    EXPECT_NEAR(level_dbfs(sine(1'000, 8'000, milliseconds(100), 0.1)), -23.01, 0.02);
    EXPECT_EQ(level_dbfs(std::vector<std::int16_t>(100, 0)), -120);
    EXPECT_EQ(level_dbfs({}), -120);
}

TEST(Signal, AFitFindsAmplitudePhaseAndNoise) {
    std::vector<std::int16_t> tone = sine(1'000, 8'000, milliseconds(1'000), 0.25);
    const SineFit clean = fit_sine(tone, 1'000, 8'000);
    EXPECT_NEAR(clean.amplitude, 0.25, 1e-4);
    EXPECT_NEAR(clean.phase, 0, 1e-3);
    const std::vector<std::int16_t> other = sine(1'730, 8'000, milliseconds(1'000), 0.025);
    for (std::size_t i = 0; i < tone.size(); ++i)
        tone[i] = static_cast<std::int16_t>(tone[i] + other[i]);
    EXPECT_NEAR(fit_sine(tone, 1'000, 8'000).snr_db, 20, 0.1);
}

}  // namespace
}  // namespace parley::audio
