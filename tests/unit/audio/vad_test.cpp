#include <parley/audio/signal.hpp>
#include <parley/audio/vad.hpp>

#include <gtest/gtest.h>

namespace parley::audio {
namespace {

using std::chrono::milliseconds;
using What = EnergyVad::Change::What;

std::vector<std::int16_t> silence(milliseconds length) {
    return std::vector<std::int16_t>(static_cast<std::size_t>(8 * length.count()), 0);
}
std::vector<std::int16_t> tone(milliseconds length, double amplitude = 0.3) {
    return sine(400, 8'000, length, amplitude);
}

TEST(EnergyVad, TellsWhereSpeechBeganAndEnded) {
    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(silence(milliseconds(200)), changes);
    EXPECT_TRUE(changes.empty());
    vad.hear(tone(milliseconds(400)), changes);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].what, What::started);
    EXPECT_EQ(changes[0].at, milliseconds(200));
    EXPECT_TRUE(vad.is_speech());

    vad.hear(silence(milliseconds(480)), changes);
    EXPECT_EQ(changes.size(), 1u) << "the hangover is not over";
    vad.hear(silence(milliseconds(20)), changes);
    ASSERT_EQ(changes.size(), 2u);
    EXPECT_EQ(changes[1].what, What::stopped);
    EXPECT_EQ(changes[1].at, milliseconds(600));
    EXPECT_FALSE(vad.is_speech());
}

TEST(EnergyVad, AShortPauseDoesNotEndSpeech) {
    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(tone(milliseconds(300)), changes);
    vad.hear(silence(milliseconds(300)), changes);
    vad.hear(tone(milliseconds(300)), changes);
    EXPECT_EQ(changes.size(), 1u);
}

TEST(EnergyVad, AClickIsNotSpeech) {
    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(tone(milliseconds(20)), changes);
    vad.hear(silence(milliseconds(100)), changes);
    EXPECT_TRUE(changes.empty());
}

TEST(EnergyVad, QuietNoiseIsNotSpeech) {
    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(tone(milliseconds(1'000), 0.005), changes);  // -49 dBFS
    EXPECT_TRUE(changes.empty());
    EnergyVad keen({.threshold_dbfs = -55});
    keen.hear(tone(milliseconds(1'000), 0.005), changes);
    EXPECT_EQ(changes.size(), 1u);
}

TEST(EnergyVad, PiecesOfAnyLengthGiveTheSameResult) {
    std::vector<std::int16_t> call = silence(milliseconds(210));
    for (const auto& part : {tone(milliseconds(330)), silence(milliseconds(700)),
                             tone(milliseconds(200)), silence(milliseconds(600))}) {
        call.insert(call.end(), part.begin(), part.end());
    }
    EnergyVad whole;
    std::vector<EnergyVad::Change> expected;
    whole.hear(call, expected);
    ASSERT_EQ(expected.size(), 4u);

    EnergyVad pieces;
    std::vector<EnergyVad::Change> changes;
    for (std::size_t at = 0; at < call.size(); at += 37) {
        pieces.hear(std::span(call).subspan(at, std::min<std::size_t>(37, call.size() - at)),
                    changes);
    }
    ASSERT_EQ(changes.size(), expected.size());
    for (std::size_t i = 0; i < changes.size(); ++i) {
        EXPECT_EQ(changes[i].what, expected[i].what);
        EXPECT_EQ(changes[i].at, expected[i].at);
    }
}

TEST(EnergyVad, StartsFromZeroAfterAReset) {
    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(tone(milliseconds(300)), changes);
    vad.reset();
    EXPECT_FALSE(vad.is_speech());
    EXPECT_EQ(vad.heard(), milliseconds(0));
    changes.clear();
    vad.hear(tone(milliseconds(300)), changes);
    ASSERT_EQ(changes.size(), 1u);
    EXPECT_EQ(changes[0].at, milliseconds(0));
}

}  // namespace
}  // namespace parley::audio
