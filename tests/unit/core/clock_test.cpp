#include <parley/core/clock.hpp>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

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
    EXPECT_EQ(iso8601(WallTime(std::chrono::milliseconds(1'767'225'600'120))), "2026-01-01T00:00:00.120Z");
}

}  // namespace
}  // namespace parley
