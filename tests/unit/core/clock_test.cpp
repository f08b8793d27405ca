#include <parley/core/clock.hpp>

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <vector>

namespace parley {
namespace {

using namespace std::chrono_literals;

TEST(Alarm, RingsOnceForTheLastDeadlineArmed) {
    boost::asio::io_context io;
    IoTimekeeper time(io.get_executor());
    int rings = 0;
    auto alarm = time.make_alarm([&] { ++rings; });
    alarm->arm(time.now() + 1h);
    alarm->arm(time.now() + 1ms);
    io.run();
    EXPECT_EQ(rings, 1);
}

TEST(Alarm, DoesNotRingBeforeADeadlineThatWasMovedOn) {
    boost::asio::io_context io;
    IoTimekeeper time(io.get_executor());
    std::vector<TimePoint> rings;
    auto alarm = time.make_alarm([&] { rings.push_back(time.now()); });
    const auto deadline = time.now() + 20ms;
    alarm->arm(deadline - 15ms);
    alarm->arm(deadline - 10ms);
    alarm->arm(deadline);
    io.run();
    ASSERT_EQ(rings.size(), 1u);
    EXPECT_GE(rings.front(), deadline);
}

TEST(Alarm, RingsAgainWhenArmedByItsOwnRing) {
    boost::asio::io_context io;
    IoTimekeeper time(io.get_executor());
    int rings = 0;
    std::unique_ptr<Alarm> alarm;
    alarm = time.make_alarm([&] {
        if (++rings < 3) alarm->arm(time.now() + 1ms);
    });
    alarm->arm(time.now() + 1ms);
    io.run();
    EXPECT_EQ(rings, 3);
}

TEST(Alarm, DoesNotRingOnceCancelledHoweverOftenItWasArmed) {
    boost::asio::io_context io;
    IoTimekeeper time(io.get_executor());
    int rings = 0;
    auto alarm = time.make_alarm([&] { ++rings; });
    alarm->arm(time.now() + 1ms);
    alarm->arm(time.now() + 2ms);
    alarm->cancel();
    io.run();  // returns: nothing is waited for
    EXPECT_EQ(rings, 0);
}

TEST(Alarm, DoesNotRingForADeadlineThatPassedButWasReplaced) {
    boost::asio::io_context io;
    IoTimekeeper time(io.get_executor());
    int rings = 0;
    auto alarm = time.make_alarm([&] { ++rings; });
    alarm->arm(time.now());
    io.run_one_for(0ms);
    alarm->cancel();
    io.restart();
    io.run();
    EXPECT_LE(rings, 1);
    rings = 0;
    alarm->arm(time.now());
    alarm.reset();  // destroyed while its expiry is queued
    io.restart();
    io.run();
    EXPECT_EQ(rings, 0);
}

TEST(Clock, WritesIso8601InUtc) {
    EXPECT_EQ(iso8601(WallTime(std::chrono::milliseconds(1'767'225'600'120))),
              "2026-01-01T00:00:00.120Z");
}

}  // namespace
}  // namespace parley
