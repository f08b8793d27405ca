#include <parley/reload/debounce.hpp>

#include <gtest/gtest.h>

namespace parley::reload {
namespace {

using namespace std::chrono_literals;

TimePoint at(milliseconds when) { return TimePoint() + 1h + when; }

TEST(Debounce, WaitsUntilNothingHasChangedForAWhile) {
    Debounce debounce({.quiet = 200ms, .patience = 2s});
    EXPECT_FALSE(debounce.due_at());
    EXPECT_FALSE(debounce.take_due(at(0ms)));

    debounce.changed(at(0ms));
    EXPECT_EQ(debounce.due_at(), at(200ms));
    EXPECT_FALSE(debounce.take_due(at(199ms)));
    EXPECT_TRUE(debounce.take_due(at(200ms)));
}

TEST(Debounce, TellsOfABurstOnce) {
    Debounce debounce({.quiet = 200ms, .patience = 2s});
    for (int i = 0; i < 50; ++i) debounce.changed(at(i * 10ms));

    EXPECT_EQ(debounce.due_at(), at(690ms));
    EXPECT_FALSE(debounce.take_due(at(689ms)));
    EXPECT_TRUE(debounce.take_due(at(690ms)));
    EXPECT_FALSE(debounce.take_due(at(10s)));
    EXPECT_FALSE(debounce.due_at());
}

TEST(Debounce, DoesNotWaitForEverWhereSomethingAlwaysChanges) {
    Debounce debounce({.quiet = 200ms, .patience = 2s});
    for (auto now = 0ms; now < 2s; now += 100ms) {
        debounce.changed(at(now));
        EXPECT_FALSE(debounce.take_due(at(now)));
    }
    EXPECT_TRUE(debounce.take_due(at(2s)));

    debounce.changed(at(2'100ms));
    EXPECT_EQ(debounce.due_at(), at(2'300ms)) << "the next burst has its own patience";
}

TEST(Debounce, ForgetsWhatHasBeenDealtWithOtherwise) {
    Debounce debounce({});
    debounce.changed(at(0ms));
    debounce.forget();

    EXPECT_FALSE(debounce.due_at());
}

}  // namespace
}  // namespace parley::reload
