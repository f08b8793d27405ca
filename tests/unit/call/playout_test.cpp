#include <parley/call/playout.hpp>

#include <gtest/gtest.h>

namespace parley::call {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint start{1h};
TimePoint at(milliseconds when) { return start + when; }

std::vector<std::uint8_t> speech(milliseconds span) {
    return std::vector<std::uint8_t>(static_cast<std::size_t>(span.count()) * 8, 0x55);
}

// The milliseconds sent by send_due, and the marks with them.
struct Sent {
    std::int64_t ms = 0;
    std::vector<std::uint32_t> marks;
    std::vector<std::size_t> messages;
};
Sent send(Playout& playout, TimePoint now) {
    std::vector<Command> commands;
    playout.send_due(now, commands);
    Sent sent;
    for (const auto& command : commands) {
        if (const auto* play = std::get_if<Play>(&command)) {
            sent.ms += static_cast<std::int64_t>(play->audio.size() / 8);
            sent.messages.push_back(play->audio.size());
        } else {
            sent.marks.push_back(std::get<SendMark>(command).mark);
        }
    }
    return sent;
}

TEST(Playout, SendsTheLeadAtOnceAndTheRestInTime) {
    Playout playout({});
    playout.add("r", "a", 0, speech(1'000ms));
    EXPECT_EQ(send(playout, at(0ms)).ms, 200);
    EXPECT_EQ(send(playout, at(20ms)).ms, 0);
    EXPECT_EQ(playout.next_due(), at(40ms));
    EXPECT_EQ(send(playout, at(40ms)).ms, 40);
    // a late wake-up catches up by the deadline, not by the count
    EXPECT_EQ(send(playout, at(200ms)).ms, 160);
}

TEST(Playout, SendsWholeFramesOnly) {
    Playout playout({});
    playout.add("r", "a", 0, speech(30ms));
    const auto first = send(playout, at(0ms));
    EXPECT_EQ(first.ms, 20);
    playout.finish_item();
    EXPECT_EQ(send(playout, at(0ms)).ms, 20);  // the tail of 10 ms, padded
}

TEST(Playout, PadsTheTailWithSilence) {
    Playout playout({});
    playout.add("r", "a", 0, speech(5ms));
    playout.finish_item();
    std::vector<Command> commands;
    playout.send_due(at(0ms), commands);
    const auto& audio = std::get<Play>(commands.at(0)).audio;
    ASSERT_EQ(audio.size(), 160u);
    EXPECT_EQ(audio[39], 0x55);
    EXPECT_EQ(audio[40], 0xFF);
    EXPECT_EQ(audio[159], 0xFF);
}

TEST(Playout, MarksTheEndOfAnItem) {
    Playout playout({});
    playout.add("r", "a", 0, speech(60ms));
    EXPECT_TRUE(send(playout, at(0ms)).marks.empty());
    playout.finish_item();
    EXPECT_EQ(playout.next_due(), TimePoint::min());
    EXPECT_EQ(send(playout, at(0ms)).marks.size(), 1u);
}

TEST(Playout, CountsAnItemAsHeardWhenItsMarkComesBack) {
    Playout playout({});
    playout.add("r", "a", 0, speech(100ms));
    playout.finish_item();
    const auto sent = send(playout, at(0ms));
    ASSERT_EQ(sent.marks.size(), 1u);
    EXPECT_TRUE(playout.take_heard(at(150ms)).empty());
    EXPECT_FALSE(playout.is_idle(at(150ms)));
    playout.mark_played(sent.marks[0], at(180ms));
    const auto heard = playout.take_heard(at(180ms));
    ASSERT_EQ(heard.size(), 1u);
    EXPECT_EQ(heard[0].heard_ms, 100);
    EXPECT_EQ(heard[0].received_ms, 100);
    EXPECT_TRUE(playout.is_idle(at(180ms)));
}

TEST(Playout, StopsWaitingForAMarkThatNeverComes) {
    Playout playout({});
    playout.add("r", "a", 0, speech(100ms));
    playout.finish_item();
    send(playout, at(0ms));
    EXPECT_EQ(playout.next_due(), at(2'100ms));
    EXPECT_FALSE(playout.is_idle(at(2'099ms)));
    EXPECT_TRUE(playout.is_idle(at(2'100ms)));
}

TEST(Playout, TellsWhatWasHeardByMarksAndClock) {
    Playout playout({});
    playout.add("r", "a", 0, speech(1'000ms));
    auto sent = send(playout, at(0ms));
    for (auto now = 40ms; now <= 400ms; now += 40ms) {
        const auto more = send(playout, at(now));
        sent.marks.insert(sent.marks.end(), more.marks.begin(), more.marks.end());
    }
    // The mark at 240 ms comes back 60 ms late: the line holds 60 ms more than our clock thinks.
    playout.mark_played(sent.marks.at(0), at(300ms));
    const auto cut = playout.interrupt(at(350ms));
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_EQ(cut[0].heard_ms, 290);
    EXPECT_EQ(cut[0].received_ms, 1'000);
}

TEST(Playout, NeverClaimsMoreHeardThanReceived) {
    Playout playout({});
    playout.add("r", "a", 0, speech(100ms));
    send(playout, at(0ms));
    const auto cut = playout.interrupt(at(5'000ms));
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_EQ(cut[0].heard_ms, 100);
}

TEST(Playout, LaterItemsWereNotHeardAtAll) {
    Playout playout({});
    playout.add("r", "a", 0, speech(400ms));
    playout.add("r", "b", 0, speech(400ms));
    send(playout, at(0ms));
    const auto cut = playout.interrupt(at(100ms));
    ASSERT_EQ(cut.size(), 2u);
    EXPECT_EQ(cut[0].heard_ms, 100);
    EXPECT_EQ(cut[1].item_id, "b");
    EXPECT_EQ(cut[1].heard_ms, 0);
}

TEST(Playout, IgnoresMarksThatAClearSentBack) {
    Playout playout({});
    playout.add("r", "a", 0, speech(300ms));
    playout.finish_item();
    const auto old = send(playout, at(0ms));
    playout.interrupt(at(50ms));
    playout.add("r2", "b", 0, speech(300ms));
    playout.finish_item();
    send(playout, at(60ms));
    for (const auto mark : old.marks) playout.mark_played(mark, at(70ms));
    const auto cut = playout.interrupt(at(160ms));
    ASSERT_EQ(cut.size(), 1u);
    EXPECT_EQ(cut[0].heard_ms, 100);
}

TEST(Playout, PacesByItsOwnClockWhenEchoesAreLate) {
    Playout playout({});
    playout.add("r", "a", 0, speech(10'000ms));
    std::int64_t sent_ms = 0;
    std::deque<std::pair<TimePoint, std::uint32_t>> echoes;
    for (auto now = 0ms; now <= 5'000ms; now += 20ms) {
        while (!echoes.empty() && echoes.front().first <= at(now)) {
            playout.mark_played(echoes.front().second, at(now));
            echoes.pop_front();
        }
        const auto sent = send(playout, at(now));
        sent_ms += sent.ms;
        for (const auto mark : sent.marks) echoes.emplace_back(at(now + 900ms), mark);
    }
    // never behind real time, although every echo is 700 ms later than expected
    EXPECT_GE(sent_ms, 5'000);
}

TEST(Playout, DropsWhatNobodyWillHearSoonAndCountsIt) {
    Playout playout({.queued_max = 1'000ms});
    playout.add("r", "a", 0, speech(3'000ms));
    EXPECT_EQ(playout.dropped_ms(), 2'000);
    const auto cut = playout.interrupt(at(0ms));
    EXPECT_EQ(cut.at(0).received_ms, 1'000);
}

TEST(Playout, SpeaksLocalPhrasesAfterWhatIsQueued) {
    Playout playout({});
    playout.add("r", "a", 0, speech(50ms));
    playout.add_local("one_moment", speech(100ms));
    EXPECT_EQ(send(playout, at(0ms)).ms, 160);  // 50 padded to 60, and 100
    const auto cut = playout.interrupt(at(30ms));
    ASSERT_EQ(cut.size(), 2u);
    EXPECT_FALSE(cut[0].is_local);
    EXPECT_TRUE(cut[1].is_local);
}

}  // namespace
}  // namespace parley::call
