#include <parley/privacy/masker.hpp>

#include <gtest/gtest.h>

#include <ctime>

namespace parley::privacy {
namespace {

std::string masked(const std::string& text) { return default_masker()->text(text); }

std::shared_ptr<const Masker> with(std::vector<Pattern> patterns) {
    auto made = Masker::make(Masker::Cards::masked, patterns);
    EXPECT_TRUE(made) << (made ? "" : made.error().text());
    return made ? *made : default_masker();
}

TEST(CardNumbers, AreMaskedTogetherInGroupsAndWithAnySeparator) {
    for (const std::string number :
         {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111",
          "4111, 1111, 1111, 1111.", "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "41 11 11 11 11 11 11 11",
          "4111\xC2\xA0"
          "1111\xE2\x80\x93"
          "1111 1111",
          "5555555555554444", "378282246310005", "30569309025904", "6011111111111117",
          "2223003122003222", "4222222222222"}) {
        const std::string shown = masked("It is " + number + " thanks");
        EXPECT_NE(shown.find("[card number]"), std::string::npos) << number;
        EXPECT_EQ(shown.find("11"), std::string::npos) << shown;
    }
    EXPECT_EQ(masked("card4111111111111111!"), "card[card number]!");
    EXPECT_EQ(masked("4111111111111111 and 5555555555554444"), "[card number] and [card number]");
}

TEST(CardNumbers, AreMaskedWhenTheyAreSpoken) {
    EXPECT_EQ(masked("It is four one one one, one one one one, one one one one, one one one one."),
              "It is [card number].");
    EXPECT_EQ(masked("Four triple one, double one double one, uh one one one one and 1 1 1 1, ok?"),
              "[card number], ok?");
    EXPECT_EQ(masked("forty-one eleven eleven eleven 11 11 11 11"), "[card number]");
    EXPECT_EQ(
        masked("vier eins eins eins eins eins eins eins eins eins eins eins eins eins eins eins"),
        "[card number]");
    EXPECT_EQ(masked("\xE0\xA5\xAA"
                     "111 1111 1111 1111"),
              "[card number]")
        << "Devanagari four";
}

TEST(CardNumbers, OtherNumbersAreKept) {
    for (const std::string text :
         {"4111111111111112 fails the check", "Call +1 555 010 0001 or +4915112345675.",
          "at 1764352803120 ms", "CA4111111111111111aaaaaaaaaaaaaaaa",
          "APT-12345, 9:30 on 2026-11-30",
          "411111111111111141111111111111111111 is longer than any card",
          "one two three four five six seven eight nine ten eleven twelve"}) {
        EXPECT_EQ(masked(text), text);
    }
}

TEST(CardNumbers, AreFoundBesideOtherNumbers) {
    EXPECT_EQ(masked("code 12, then 4111 1111 1111 1111, valid 12/27"),
              "code 12, then [card number], valid 12/27");
    EXPECT_EQ(masked("I have 2 cards: 4111 1111 1111 1111"), "I have 2 cards: [card number]");
}

TEST(CardNumbers, TakeTimeInProportionToTheText) {
    std::string long_text;
    while (long_text.size() < 2'000'000) long_text += "4 1 1 1 double forty 22-";
    const auto before = std::clock();  // time of our own: others may be at work, too
    masked(long_text);
    EXPECT_LT(std::clock() - before, 20 * CLOCKS_PER_SEC);
}

TEST(Masker, AppliesPatternsOfTheSettings) {
    const auto masker = with({{"ssn", R"(\b\d{3}-\d{2}-(\d{4})\b)", R"([ssn …\1])"},
                              {"password", R"((?i)(password is) \S+)", R"(\1 [hidden])"}});
    EXPECT_EQ(masker->text("My number is 078-05-1120."), "My number is [ssn …1120].");
    EXPECT_EQ(masker->text("My Password is swordfish!"), "My Password is [hidden]");
    EXPECT_EQ(masker->text("4111111111111111"), "[card number]");
    EXPECT_EQ(with({})->text("078-05-1120"), "078-05-1120");
}

TEST(Masker, SaysWhatIsWrongWithAPattern) {
    const auto fault_of = [](std::string pattern, std::string replace) {
        const auto made = Masker::make(Masker::Cards::kept, {{"ssn", pattern, replace}});
        return made ? std::string() : made.error().text();
    };
    EXPECT_EQ(fault_of("(", ""),
              "ssn: is no pattern that RE2 knows: missing ): (; see "
              "https://github.com/google/re2/wiki/Syntax");
    EXPECT_EQ(fault_of(R"((a)\1)", "").substr(0, 40), "ssn: is no pattern that RE2 knows: inval");
    EXPECT_EQ(fault_of("x*", ""),
              "ssn: also fits an empty text, so it would be found everywhere; let it ask for at "
              "least one character");
    EXPECT_NE(fault_of("x", R"(\1)"), "");
    EXPECT_EQ(fault_of("x", "y"), "");
}

TEST(Masker, KeepsCardNumbersWhereItIsToldTo) {
    const auto masker = *Masker::make(Masker::Cards::kept, {});
    EXPECT_EQ(masker->text("4111111111111111"), "4111111111111111");
}

TEST(Masker, KeepsJsonJson) {
    EXPECT_EQ(
        default_masker()->json_or_text(R"({"card":4111111111111111,"to":"4111 1111 1111 1111"})"),
        R"({"card":"[card number]","to":"[card number]"})");
    EXPECT_EQ(default_masker()->json_or_text(R"({"a": [1, {"4111111111111111": true}]})"),
              R"({"a":[1,{"[card number]":true}]})");
    EXPECT_EQ(default_masker()->json_or_text(R"({ "a":  1.50 })"), R"({ "a":  1.50 })")
        << "untouched where nothing is masked";
    EXPECT_EQ(default_masker()->json_or_text("{4111111111111111"), "{[card number]");
    json::object fields{{"card", 4111111111111111}, {"n", 7}};
    default_masker()->json(fields);
    EXPECT_EQ(fields, (json::object{{"card", "[card number]"}, {"n", 7}}));
}

TEST(Masker, FindsWhatLiesAcrossTheCutOfAnUtterance) {
    using Parts = std::pair<std::string, std::string>;
    EXPECT_EQ(default_masker()->parts("I read 4111 1111", "1111 1111, is that right?"),
              (Parts{"I read [card number]", ", is that right?"}));
    EXPECT_EQ(default_masker()->parts("We have nine", "thirty."),
              (Parts{"We have nine", "thirty."}));
    EXPECT_EQ(default_masker()->parts("4111111111111111", "is it"),
              (Parts{"[card number]", "is it"}));
}

}  // namespace
}  // namespace parley::privacy
