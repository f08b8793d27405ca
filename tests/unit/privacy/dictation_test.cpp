#include <parley/privacy/dictation.hpp>

#include <gtest/gtest.h>

namespace parley::privacy {
namespace {

class ADictation : public testing::Test {
 protected:
    Dictation dictation_{default_masker()};
};

TEST_F(ADictation, MasksTheRestOfANumberThatWasBegunBefore) {
    EXPECT_EQ(dictation_.text("My card is 4111 1111"), "My card is 4111 1111");
    EXPECT_EQ(dictation_.text("1111 1111, and it expires in May."),
              "[card number], and it expires in May.");
    EXPECT_EQ(dictation_.text("12 28"), "12 28") << "the number is over";
}

TEST_F(ADictation, FollowsANumberThroughManyUtterances) {
    EXPECT_EQ(dictation_.text("four one one one"), "four one one one");
    EXPECT_EQ(dictation_.text("uh"), "uh");
    EXPECT_EQ(dictation_.text("one one one one."), "one one one one.");
    EXPECT_EQ(dictation_.text("1111"), "1111");
    EXPECT_EQ(dictation_.text("double one, double one"), "[card number]");
}

TEST_F(ADictation, FindsANumberThatIsWholeAsBefore) {
    EXPECT_EQ(dictation_.text("It is 4111 1111 1111 1111."), "It is [card number].");
    EXPECT_EQ(dictation_.text("5555 5555 5555 4444"), "[card number]");
}

TEST_F(ADictation, LeavesNumbersApartThatWordsAreBetween) {
    EXPECT_EQ(dictation_.text("4111 1111"), "4111 1111");
    EXPECT_EQ(dictation_.text("No, wait. 1111 1111"), "No, wait. 1111 1111");
}

TEST_F(ADictation, RemembersOnlyTheEnd) {
    for (int i = 0; i < 100; ++i) dictation_.text("one hundred words of no importance at all");
    EXPECT_EQ(dictation_.text("4111 1111 1111"), "4111 1111 1111");
    EXPECT_EQ(dictation_.text("1111"), "[card number]");
}

TEST(Dictations, KeepCardsWhereTheSettingsSaySo) {
    Dictation kept(Masker::make(Masker::Cards::kept, {}).value());
    kept.text("4111 1111");
    EXPECT_EQ(kept.text("1111 1111"), "1111 1111");
}

}  // namespace
}  // namespace parley::privacy
