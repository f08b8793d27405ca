#include <parley/core/log.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace parley::log {
namespace {

using testing::ElementsAre;

TEST(LogCapture, TakesTheLinesOfItsThreadAboveItsThreshold) {
    std::vector<std::string> lines;
    const Capture capture(Level::info, [&](Level, std::string_view event, Fields fields) {
        lines.push_back(std::string(event) +
                        (fields.size() > 0 ? " " + fields.begin()->value : ""));
    });
    debug("unseen");
    info("seen", {{"n", 1}});
    std::thread([] { EXPECT_FALSE(enabled(Level::debug)); }).join();
    EXPECT_TRUE(enabled(Level::info));
    EXPECT_THAT(lines, ElementsAre("seen 1"));
}

TEST(LogCapture, GivesBackWhatAnEarlierOneTook) {
    int outer = 0, inner = 0;
    const Capture first(Level::warn, [&](Level, std::string_view, Fields) { ++outer; });
    {
        const Capture second(Level::warn, [&](Level, std::string_view, Fields) { ++inner; });
        warn("one");
    }
    warn("two");
    EXPECT_EQ(inner, 1);
    EXPECT_EQ(outer, 1);
}

}  // namespace
}  // namespace parley::log
