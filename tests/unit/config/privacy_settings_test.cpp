#include "loading.hpp"

namespace parley::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(PrivacySettings, MaskCardNumbersUnlessTheyAreToldNotTo) {
    const std::string said = "4111 1111 1111 1111";
    EXPECT_EQ(settings_with_agent("").privacy.masker->text(said), "[card number]");
    EXPECT_EQ(settings_with_agent("privacy: {card_numbers: false}").privacy.masker->text(said),
              said);
}

TEST(PrivacySettings, MakeOneMaskerOfAllPatterns) {
    const auto settings = settings_with_agent(
        "privacy:\n  mask:\n    ssn: {pattern: '\\d{3}-\\d{2}-(\\d{4})', replace: '[ssn \\1]'}\n");
    EXPECT_EQ(settings.privacy.masker->text("078-05-1120"), "[ssn 1120]");
}

TEST(PrivacySettings, APatternThatCannotBeUsedIsAFaultWithItsLine) {
    EXPECT_THAT(faults_with_agent("privacy:\n  mask:\n    ssn: {pattern: '(\\d{3}', replace: x}\n"),
                ElementsAre(HasSubstr("parley.yaml:3: privacy.mask.ssn: is no pattern that RE2 "
                                      "knows: missing ): (\\d{3}; see ")));
    EXPECT_THAT(faults_with_agent("privacy: {mask: {ssn: {pattern: x}}}"),
                ElementsAre(HasSubstr("replace")));
}

TEST(MoneyLimits, AreReadAndNoneByDefault) {
    EXPECT_EQ(settings_with_agent("").money.day_usd, 0);
    const auto money =
        settings_with_agent("limits: {money: {call_usd: 0.5, number_day_usd: 2, day_usd: 100}}")
            .money;
    EXPECT_EQ(money.call_usd, 0.5);
    EXPECT_EQ(money.number_day_usd, 2);
    EXPECT_EQ(money.day_usd, 100);
    EXPECT_THAT(faults_with_agent("limits: {money: {call_usd: -1}}"),
                ElementsAre(HasSubstr("limits.money.call_usd")));
}

TEST(Retention, IsForEverUnlessDaysAreNamed) {
    EXPECT_EQ(settings_with_agent("").retention.transcripts.count(), 0);
    EXPECT_EQ(settings_with_agent("retention: {journal_days: 365}").retention.journal.count(), 365);
}

}  // namespace
}  // namespace parley::config::test
