#include <parley/call/conversation.hpp>

#include <gtest/gtest.h>

namespace parley::call {
namespace {

TEST(SplitHeard, CutsAtWholeWords) {
    EXPECT_EQ(split_heard("We have nine thirty", 500, 1'000),
              (std::pair<std::string, std::string>{"We have", "nine thirty"}));
    EXPECT_EQ(split_heard("One.", 500, 1'000), (std::pair<std::string, std::string>{"", "One."}));
    EXPECT_EQ(split_heard("All of it", 1'000, 1'000),
              (std::pair<std::string, std::string>{"All of it", ""}));
    EXPECT_EQ(split_heard("Nothing", 0, 1'000),
              (std::pair<std::string, std::string>{"", "Nothing"}));
    EXPECT_EQ(split_heard("héé é", 700, 1'000).first, "héé");
}

}  // namespace
}  // namespace parley::call
