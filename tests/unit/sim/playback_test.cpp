#include <parley/sim/playback.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

std::vector<std::uint8_t> sound(milliseconds length, std::uint8_t value = 0x11) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(length.count() * 8), value);
}

std::vector<std::string> names(const std::vector<Playback::Echo>& echoes) {
    std::vector<std::string> out;
    for (const auto& echo : echoes)
        out.push_back(
            fmt::format("{}@{}{}", echo.name, echo.at.count(), echo.was_cleared ? " cleared" : ""));
    return out;
}

TEST(Playback, AMarkComesBackWhenWhatIsBeforeItHasBeenHeard) {
    Playback playback;
    playback.media(sound(500ms), 1'000ms);
    playback.mark("a", 1'000ms);
    playback.media(sound(500ms), 1'010ms);
    playback.mark("b", 1'010ms);
    EXPECT_EQ(playback.next_due(), 1'500ms);
    EXPECT_THAT(names(playback.take_echoes(1'499ms)), ElementsAre());
    EXPECT_THAT(names(playback.take_echoes(1'500ms)), ElementsAre("a@1500"));
    EXPECT_THAT(names(playback.take_echoes(3'000ms)), ElementsAre("b@2000"));
}

TEST(Playback, AMarkOnAnEmptyQueueComesBackAtOnce) {
    Playback playback;
    playback.mark("a", 40ms);
    EXPECT_THAT(names(playback.take_echoes(40ms)), ElementsAre("a@40"));
}

TEST(Playback, AClearSilencesAndBringsAllMarksBackInOrder) {
    Playback playback;
    playback.media(sound(1s), 0ms);
    playback.mark("a", 0ms);
    playback.media(sound(1s), 0ms);
    playback.mark("b", 0ms);
    playback.clear(300ms);
    EXPECT_THAT(names(playback.take_echoes(300ms)), ElementsAre("a@300 cleared", "b@300 cleared"));
    EXPECT_FALSE(playback.is_playing(300ms));
    const auto& heard = playback.heard(1'000ms);
    EXPECT_EQ(std::count(heard.begin(), heard.end(), 0x11), 300 * 8);
}

TEST(Playback, TheClockStartsAnewAfterAClear) {
    Playback playback;
    playback.media(sound(10s), 0ms);
    playback.clear(300ms);
    playback.take_echoes(300ms);
    playback.media(sound(100ms), 400ms);
    playback.mark("late", 400ms);
    EXPECT_THAT(names(playback.take_echoes(600ms)), ElementsAre("late@500"))
        << "not after the ten seconds that were flushed";
}

TEST(Playback, AGapIsHeardAsSilence) {
    Playback playback;
    playback.media(sound(20ms), 0ms);
    playback.media(sound(20ms), 60ms);
    const auto& heard = playback.heard(100ms);
    ASSERT_EQ(heard.size(), 800u);
    EXPECT_EQ(heard[159], 0x11);
    EXPECT_EQ(heard[160], 0xFF);
    EXPECT_EQ(heard[479], 0xFF);
    EXPECT_EQ(heard[480], 0x11);
    EXPECT_EQ(heard[640], 0xFF);
}

TEST(Playback, StrictFramesLoseARaggedTail) {
    Playback playback({.strict_frames = true});
    playback.media(std::vector<std::uint8_t>(200, 0x11), 0ms);
    playback.media(sound(20ms), 500ms);
    const auto& heard = playback.heard(1s);
    EXPECT_EQ(playback.ragged_bytes_lost(), 40u);
    EXPECT_EQ(std::count(heard.begin(), heard.end(), 0x11), 320);
}

TEST(Playback, StrictFramesJoinPiecesThatArriveInTime) {
    Playback playback({.strict_frames = true});
    playback.media(std::vector<std::uint8_t>(200, 0x11), 0ms);
    playback.media(std::vector<std::uint8_t>(120, 0x11), 10ms);
    playback.take_echoes(1s);
    EXPECT_EQ(playback.ragged_bytes_lost(), 0u);
}

TEST(Playback, AFullQueueDropsWhatComes) {
    Playback playback({.queued_bytes_max = 1'600});
    EXPECT_TRUE(playback.media(sound(200ms), 0ms));
    EXPECT_FALSE(playback.media(sound(20ms), 0ms));
    EXPECT_TRUE(playback.media(sound(20ms), 20ms));
}

}  // namespace
}  // namespace parley::sim
