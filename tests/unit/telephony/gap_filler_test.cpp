#include <parley/telephony/gap_filler.hpp>

#include <gtest/gtest.h>

namespace parley::telephony {
namespace {

using namespace std::chrono_literals;

const TimePoint t0 = TimePoint(1'000s);
constexpr std::size_t frame = 160;

// A caller whose packets come as they should, one every 20 ms.
struct Caller {
    GapFiller filler;
    std::int64_t next = 0;  // timestamp in ms

    GapFiller::Advice hear(std::int64_t timestamp_ms) {
        next = timestamp_ms + 20;
        return filler.on_media(timestamp_ms, timestamp_ms / 20, frame,
                               t0 + milliseconds(timestamp_ms));
    }
    void hear_until(std::int64_t end_ms) {
        while (next < end_ms) {
            const auto advice = hear(next);
            ASSERT_FALSE(advice.drop);
            ASSERT_EQ(advice.silence_bytes, 0u);
        }
    }
};

TEST(GapFiller, RepeatedAndLatePiecesAreDropped) {
    Caller caller;
    caller.hear_until(200);
    EXPECT_TRUE(caller.filler.on_media(180, 9, frame, t0 + 200ms).drop) << "the last one again";
    EXPECT_TRUE(caller.filler.on_media(100, 5, frame, t0 + 200ms).drop) << "an earlier one";
    EXPECT_TRUE(caller.filler.on_media({}, 9, frame, t0 + 200ms).drop)
        << "the same number without a timestamp";
    EXPECT_EQ(caller.filler.dropped_count(), 3);
    EXPECT_FALSE(caller.filler.on_media(200, 10, frame, t0 + 200ms).drop);
}

TEST(GapFiller, AHoleIsFilledWithAsMuchSilence) {
    Caller caller;
    caller.hear_until(200);
    EXPECT_EQ(caller.hear(300).silence_bytes, 100u * 8);
    EXPECT_EQ(caller.hear(320).silence_bytes, 0u);
    EXPECT_EQ(caller.filler.filled_bytes(), 800);
}

TEST(GapFiller, SmallIrregularitiesAreLeftAlone) {
    Caller caller;
    caller.hear_until(200);
    EXPECT_EQ(caller.hear(220).silence_bytes, 0u) << "20 ms late is not a hole";
    EXPECT_EQ(caller.hear(235).silence_bytes, 0u);
    EXPECT_FALSE(caller.hear(240).drop) << "overlapping by a little";
    EXPECT_EQ(caller.filler.on_media(281, 99, frame, t0 + 281ms).silence_bytes, 21u * 8);
}

TEST(GapFiller, AHoleIsFilledWithASecondAtMost) {
    Caller caller;
    caller.hear_until(200);
    EXPECT_EQ(caller.hear(60'000).silence_bytes, 8'000u);
    EXPECT_EQ(caller.hear(60'020).silence_bytes, 0u) << "and not made up for later";
}

TEST(GapFiller, AHoleReportedAheadOfTimeIsFilledOnceButNotForEver) {
    // Packets of a test client that does not wait; and one that counts samples where milliseconds
    // belong.
    GapFiller filler;
    filler.on_media(0, 0, frame, t0);
    EXPECT_EQ(filler.on_media(520, 1, frame, t0 + 20ms).silence_bytes, 500u * 8);

    GapFiller wrong;
    std::size_t silence = 0;
    for (int i = 0; i < 500; ++i)
        silence += wrong.on_media(i * 160, i, frame, t0 + i * 20ms).silence_bytes;
    EXPECT_LE(silence, 8'000u + frame);
    EXPECT_GT(silence, 0u);
}

TEST(GapFiller, WithoutTimestampsNothingIsFilledOrDropped) {
    GapFiller filler;
    for (int i = 0; i < 50; ++i) {
        const auto advice = filler.on_media({}, {}, frame, t0 + i * 20ms);
        EXPECT_FALSE(advice.drop);
        EXPECT_EQ(advice.silence_bytes, 0u);
    }
    for (int i = 0; i < 50; ++i) {
        const auto advice = filler.on_media(0, i, frame, t0 + 1s + i * 20ms);
        EXPECT_FALSE(advice.drop) << "a timestamp that never moves";
        EXPECT_EQ(advice.silence_bytes, 0u);
    }
}

TEST(GapFiller, APeerThatCountsAnewIsFollowedAfterAWhile) {
    Caller caller;
    caller.hear_until(10'000);
    int dropped = 0;
    for (int i = 0; i < 20; ++i)
        dropped +=
            caller.filler.on_media(i * 20, 1'000 + i, frame, t0 + 10s + i * 20ms).drop ? 1 : 0;
    EXPECT_EQ(dropped, 10);
    EXPECT_EQ(caller.filler.on_media(400, 1'020, frame, t0 + 10'400ms).silence_bytes, 0u);
}

TEST(GapFiller, APeerThatDoesNotCountIsHeardAfterAWhile) {
    GapFiller filler;
    int dropped = 0;
    for (int i = 0; i < 50; ++i) {
        const auto advice = filler.on_media(0, 1, frame, t0 + i * 20ms);
        dropped += advice.drop ? 1 : 0;
        EXPECT_EQ(advice.silence_bytes, 0u) << i;
    }
    EXPECT_EQ(dropped, 10);
}

TEST(GapFiller, AStalledStreamGetsOneSecondOfSilenceOnce) {
    GapFiller filler;
    EXPECT_EQ(filler.deadline(), TimePoint::max()) << "nothing has come yet";
    EXPECT_EQ(filler.on_time(t0 + 1h), 0u);
    filler.on_media(0, 1, frame, t0);
    EXPECT_EQ(filler.deadline(), t0 + 750ms);
    EXPECT_EQ(filler.on_time(t0 + 749ms), 0u);
    EXPECT_EQ(filler.on_time(t0 + 750ms), 8'000u);
    EXPECT_EQ(filler.deadline(), TimePoint::max());
    EXPECT_EQ(filler.on_time(t0 + 5s), 0u) << "once";
}

TEST(GapFiller, TheHoleOfAStallIsNotFilledAgain) {
    Caller caller;
    caller.hear_until(200);
    EXPECT_EQ(caller.filler.on_time(t0 + 1s), 8'000u);
    EXPECT_EQ(caller.hear(2'000).silence_bytes, 0u);
    EXPECT_EQ(caller.filler.deadline(), t0 + 2'750ms) << "watching again";
    EXPECT_EQ(caller.hear(2'020).silence_bytes, 0u);
    EXPECT_EQ(caller.hear(2'200).silence_bytes, 160u * 8) << "the next hole is filled as usual";
}

TEST(GapFiller, TimestampsBeyondReasonAreNoTimestamps) {
    GapFiller filler;
    filler.on_media(0, 1, frame, t0);
    EXPECT_EQ(filler.on_media(INT64_MAX, 2, frame, t0 + 20ms).silence_bytes, 0u);
    EXPECT_EQ(filler.on_media(INT64_MIN, 3, frame, t0 + 40ms).silence_bytes, 0u);
    EXPECT_FALSE(filler.on_media(60, 4, frame, t0 + 60ms).drop);
}

}  // namespace
}  // namespace parley::telephony
