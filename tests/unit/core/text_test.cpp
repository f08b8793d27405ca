#include <parley/core/text.hpp>

#include <gtest/gtest.h>

namespace parley {
namespace {

TEST(Text, GuessesTheWordThatWasMeant) {
    const std::vector<std::string> known = {"server", "twilio", "numbers", "agents"};
    EXPECT_EQ(did_you_mean("sever", known), "server");
    EXPECT_EQ(did_you_mean("Twillio", known), "twilio");
    EXPECT_EQ(did_you_mean("agent", known), "agents");
    EXPECT_EQ(did_you_mean("lgo", std::vector<std::string>{"log", "store"}), "log")
        << "two letters swapped are one slip";
    EXPECT_FALSE(did_you_mean("dashboard", known));
    EXPECT_FALSE(did_you_mean("x", known));
}

TEST(Text, KnowsValidUtf8) {
    EXPECT_TRUE(is_valid_utf8("naïve café 東京 🎧"));
    EXPECT_FALSE(is_valid_utf8("\xC0\xAF"));          // overlong
    EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));      // a surrogate
    EXPECT_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // beyond U+10FFFF
    EXPECT_FALSE(is_valid_utf8("abc\xE2\x82"));       // cut short
}

TEST(Text, MendsInvalidUtf8) {
    EXPECT_EQ(to_valid_utf8("a\xFF"
                            "b"),
              "a\xEF\xBF\xBD"
              "b");
}

TEST(Text, NeverCutsACharacter) {
    EXPECT_EQ(shortened("héllo", 2), "h…");
    EXPECT_EQ(shortened("héllo", 3), "hé…");
    EXPECT_EQ(shortened("hello", 5), "hello");
}

TEST(Text, MasksTheMiddleOfANumber) {
    EXPECT_EQ(masked_number("+15550100001"), "+1555*****01");
    EXPECT_EQ(masked_number("112"), "112");
    EXPECT_EQ(masked_number(""), "");
}

TEST(Text, SplitsAndTrims) {
    const auto parts = split("a,,b", ',');
    ASSERT_EQ(parts.size(), 3u);
    EXPECT_EQ(parts[1], "");
    EXPECT_EQ(trim(" \t a b \n"), "a b");
    EXPECT_EQ(trim("   "), "");
}

}  // namespace
}  // namespace parley
