#include <parley/core/virtual_clock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace parley {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

const WallTime start = WallTime(std::chrono::seconds(1'796'122'800));

TEST(VirtualClock, StandsStillUntilItIsMoved) {
    VirtualClock clock(start);
    const auto before = clock.now();
    EXPECT_EQ(clock.wall_now(), start);
    EXPECT_FALSE(clock.ring_next(before + 5s));
    EXPECT_EQ(clock.now(), before + 5s);
    EXPECT_EQ(clock.wall_now(), start + 5s);
}

TEST(VirtualClock, RingsInOrderOfDeadlinesAndThenOfArming) {
    VirtualClock clock(start);
    const auto begin = clock.now();
    std::vector<std::string> rung;
    const auto late = clock.make_alarm([&] { rung.push_back("late"); });
    const auto first = clock.make_alarm([&] { rung.push_back("first"); });
    const auto second = clock.make_alarm([&] { rung.push_back("second"); });
    late->arm(begin + 3s);
    first->arm(begin + 1s);
    second->arm(begin + 1s);
    while (clock.ring_next(begin + 2s)) {
    }
    EXPECT_THAT(rung, ElementsAre("first", "second"));
    EXPECT_EQ(clock.next_alarm(), begin + 3s);
}

TEST(VirtualClock, DoesNotRingWhatWasCancelledReplacedOrDestroyed) {
    VirtualClock clock(start);
    const auto begin = clock.now();
    std::vector<TimePoint> rung;
    const auto moved = clock.make_alarm([&] { rung.push_back(clock.now()); });
    moved->arm(begin + 1s);
    moved->arm(begin + 4s);
    const auto cancelled = clock.make_alarm([&] { rung.push_back(clock.now()); });
    cancelled->arm(begin + 2s);
    cancelled->cancel();
    clock.make_alarm([&] { rung.push_back(clock.now()); })->arm(begin + 3s);
    while (clock.ring_next(begin + 10s)) {
    }
    EXPECT_THAT(rung, ElementsAre(begin + 4s));
}

TEST(VirtualClock, RingsAnAlarmThatIsLateAtOnceAndNeverRunsBackwards) {
    VirtualClock clock(start);
    const auto begin = clock.now();
    clock.ring_next(begin + 10s);
    int rung = 0;
    const auto late = clock.make_alarm([&] { ++rung; });
    late->arm(begin + 1s);
    EXPECT_TRUE(clock.ring_next(begin + 20s));
    EXPECT_EQ(rung, 1);
    EXPECT_EQ(clock.now(), begin + 10s);
}

TEST(VirtualClock, LetsAnAlarmDestroyItselfWhileItRings) {
    VirtualClock clock(start);
    std::unique_ptr<Alarm> alarm;
    int rung = 0;
    alarm = clock.make_alarm([&] {
        ++rung;
        alarm.reset();
    });
    alarm->arm(clock.now() + 1s);
    while (clock.ring_next(clock.now() + 5s)) {
    }
    EXPECT_EQ(rung, 1);
}

TEST(VirtualClock, SetsTheTimeOfDayWithoutMovingDeadlines) {
    VirtualClock clock(start);
    const auto keeper = clock.make_timekeeper();
    TimePoint rung_at;
    const auto alarm = keeper->make_alarm([&] { rung_at = clock.now(); });
    const auto begin = clock.now();
    alarm->arm(begin + 2s);
    clock.set_wall(start + 24h);
    EXPECT_EQ(keeper->wall_now(), start + 24h);
    EXPECT_TRUE(clock.ring_next(begin + 3s));
    EXPECT_EQ(rung_at, begin + 2s);
    EXPECT_EQ(keeper->wall_now(), start + 24h + 2s);
}

}  // namespace
}  // namespace parley
