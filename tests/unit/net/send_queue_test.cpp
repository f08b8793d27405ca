#include "../../../runtime/net/src/send_queue.hpp"

#include <gtest/gtest.h>

namespace parley::net {
namespace {

TEST(SendQueue, GivesBackInOrderAcrossGrowthAndWrapping) {
    SendQueue queue;
    int pushed = 0;
    int popped = 0;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 7; ++i) queue.push(std::to_string(pushed++));
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(queue.front(), std::to_string(popped++));
            queue.pop();
        }
    }
    while (!queue.is_empty()) {
        EXPECT_EQ(queue.front(), std::to_string(popped++));
        queue.pop();
    }
    EXPECT_EQ(popped, pushed);
    EXPECT_EQ(queue.bytes(), 0u);
}

TEST(SendQueue, KeepsTheFrontInPlaceWhileOthersArrive) {
    SendQueue queue;
    queue.push("short");  // lives inside the string object, which therefore must not move
    const char* place = queue.front().data();
    for (int i = 0; i < 100; ++i) queue.push("another");
    EXPECT_EQ(queue.front().data(), place);
    EXPECT_EQ(queue.front(), "short");
}

TEST(SendQueue, CountsBytesOfTheFrontToo) {
    SendQueue queue;
    queue.push("abc");
    queue.push("de");
    EXPECT_EQ(queue.bytes(), 5u);
    queue.pop();
    EXPECT_EQ(queue.bytes(), 2u);
}

TEST(SendQueue, DropsAllButTheFront) {
    SendQueue queue;
    queue.drop_waiting();
    EXPECT_TRUE(queue.is_empty());
    queue.push("first");
    queue.push("second");
    queue.drop_waiting();
    EXPECT_EQ(queue.bytes(), 5u);
    EXPECT_EQ(queue.front(), "first");
    queue.push("third");
    queue.pop();
    EXPECT_EQ(queue.front(), "third");
}

TEST(SendQueue, GivesBackTheMemoryOfALargeText) {
    SendQueue queue;
    queue.push(std::string(1'000'000, 'x'));
    queue.pop();
    queue.push("small");
    EXPECT_LT(queue.front().capacity(), 10'000u);
}

TEST(SendQueue, KeepsOrderAfterABurstGaveItsBuffersBack) {
    SendQueue queue;
    int pushed = 0;
    int popped = 0;
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 37; ++i) queue.push(std::to_string(pushed++));
        while (!queue.is_empty()) {
            ASSERT_EQ(queue.front(), std::to_string(popped++));
            queue.pop();
        }
        for (int i = 0; i < 3; ++i) queue.push(std::to_string(pushed++));
    }
    EXPECT_EQ(queue.bytes(), std::to_string(pushed - 1).size() * 3);
}

}  // namespace
}  // namespace parley::net
