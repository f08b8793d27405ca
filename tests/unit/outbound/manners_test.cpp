#include <parley/outbound/manners.hpp>
#include <parley/outbound/progress.hpp>
#include <parley/outbound/zones.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::outbound {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const WallTime now{};

// A world in which it is the same time in every zone, and "Mars/Olympus" is none.
ClockIn at(int minutes) {
    return [minutes](const std::string& zone, WallTime) -> std::optional<int> {
        if (zone == "Mars/Olympus") return std::nullopt;
        return minutes;
    };
}

std::string reason(const std::optional<Refusal>& refusal) { return refusal ? refusal->reason : ""; }

TEST(Manners, NobodyIsCalledUnlessAPrefixAllowsIt) {
    Rules rules;
    EXPECT_EQ(reason(refuse_number(rules, "+15550101001", now, at(600))), "prefix");
    rules.allowed_prefixes = {"+1", "+4420"};
    EXPECT_EQ(reason(refuse_number(rules, "+15550101001", now, at(600))), "");
    EXPECT_EQ(reason(refuse_number(rules, "+442071234567", now, at(600))), "");
    EXPECT_EQ(reason(refuse_number(rules, "+447712345678", now, at(600))), "prefix");
}

TEST(Manners, ANumberMustBeOne) {
    const Rules rules{.allowed_prefixes = {"+1"}};
    for (const char* number : {"", "+1", "15550101001", "+1555010100a", "+1 5550101001",
                               "+05550101001", "+1555010100155501010", "+1555\n0101001"})
        EXPECT_EQ(reason(refuse_number(rules, number, now, at(600))), "bad_number") << number;
}

TEST(Manners, QuietHoursAreThoseOfTheCallee) {
    const Rules rules{.allowed_prefixes = {"+"}};
    EXPECT_EQ(reason(refuse_number(rules, "+493012345678", now, at(7 * 60 + 59))), "quiet_hours");
    EXPECT_EQ(reason(refuse_number(rules, "+493012345678", now, at(8 * 60))), "");
    EXPECT_EQ(reason(refuse_number(rules, "+493012345678", now, at(20 * 60 + 59))), "");
    EXPECT_EQ(reason(refuse_number(rules, "+493012345678", now, at(21 * 60))), "quiet_hours");
    // Berlin sleeps while New York has its evening.
    const ClockIn world = [](const std::string& zone, WallTime) -> std::optional<int> {
        return zone == "Europe/Berlin" ? 60 : 19 * 60;
    };
    EXPECT_EQ(reason(refuse_number(rules, "+493012345678", now, world)), "quiet_hours");
    EXPECT_EQ(reason(refuse_number(rules, "+12125550100", now, world)), "");
}

TEST(Manners, ACountryWithSeveralZonesIsQuietWhenAnyOfThemIs) {
    const Rules rules{.allowed_prefixes = {"+61"}};
    const ClockIn morning = [](const std::string& zone, WallTime) -> std::optional<int> {
        return zone == "Australia/Perth" ? 7 * 60 : 10 * 60;
    };
    EXPECT_EQ(reason(refuse_number(rules, "+61412345678", now, morning)), "quiet_hours");
}

TEST(Manners, WithoutAKnownZoneThereIsNoCallInQuietTimes) {
    Rules rules{.allowed_prefixes = {"+999"}};
    EXPECT_EQ(reason(refuse_number(rules, "+9991234567", now, at(600))), "unknown_time_zone");
    rules.default_time_zone = "Europe/Berlin";
    EXPECT_EQ(reason(refuse_number(rules, "+9991234567", now, at(600))), "");
    rules.time_zones = {{"+9991", "Mars/Olympus"}};
    EXPECT_EQ(reason(refuse_number(rules, "+9991234567", now, at(600))), "unknown_time_zone");
    rules.quiet_hours = "";
    EXPECT_EQ(reason(refuse_number(rules, "+9991234567", now, at(600))), "");
}

TEST(Manners, HoursMayCrossMidnightOrNot) {
    EXPECT_TRUE(is_within("21:00-08:00", 23 * 60));
    EXPECT_TRUE(is_within("21:00-08:00", 0));
    EXPECT_FALSE(is_within("21:00-08:00", 12 * 60));
    EXPECT_TRUE(is_within("12:00-14:00", 13 * 60));
    EXPECT_FALSE(is_within("12:00-14:00", 14 * 60));
    EXPECT_FALSE(is_within("", 0));
    EXPECT_FALSE(is_within("nonsense...", 0));
}

TEST(Manners, FactsSpeakInTheOrderOfTheirWeight) {
    const Rules rules{.per_number_per_day = 2, .per_day = 5};
    EXPECT_EQ(reason(refuse_by_facts(rules, {})), "");
    EXPECT_EQ(reason(refuse_by_facts(rules, {.calls_to_number = 1, .calls_to_all = 4})), "");
    EXPECT_EQ(reason(refuse_by_facts(rules, {.calls_to_all = 5})), "daily_cap");
    EXPECT_EQ(reason(refuse_by_facts(rules, {.calls_to_number = 2, .calls_to_all = 5})),
              "number_cap");
    EXPECT_EQ(reason(refuse_by_facts(rules, {.is_being_called = true, .calls_to_number = 2})),
              "in_progress");
    EXPECT_EQ(reason(refuse_by_facts(rules, {.is_on_list = true, .is_being_called = true})),
              "do_not_call");
}

TEST(Zones, AreThoseOfTheLongestPrefix) {
    EXPECT_THAT(zones_of("+493012345678"), ElementsAre("Europe/Berlin"));
    EXPECT_THAT(zones_of("+12125550100"), ElementsAre("America/New_York"));
    EXPECT_THAT(zones_of("+14805550100"), ElementsAre("America/Phoenix"));
    EXPECT_THAT(zones_of("+18085550100"), ElementsAre("Pacific/Honolulu"));
    EXPECT_THAT(zones_of("+15550100001"), Contains("America/Los_Angeles"));
    EXPECT_THAT(zones_of("+15550100001"), Contains("America/New_York"));
    EXPECT_THAT(zones_of("+79161234567"), SizeIs(testing::Gt(5)));
    EXPECT_THAT(zones_of("+9991234567"), IsEmpty());
    EXPECT_THAT(zones_of(""), IsEmpty());
    const std::map<std::string, std::string> own{{"+1555", "America/Denver"},
                                                 {"+1", "Europe/Paris"}};
    EXPECT_THAT(zones_of("+15550100001", own), ElementsAre("America/Denver"));
    EXPECT_THAT(zones_of("+12125550100", own), ElementsAre("America/New_York"))
        << "the area code says more than a prefix of one digit";
}

TEST(Progress, OnlyMovesForwardAndEndsOnce) {
    Progress call;
    EXPECT_TRUE(call.take("initiated"));
    EXPECT_TRUE(call.take("in-progress"));
    EXPECT_FALSE(call.take("ringing")) << "late";
    EXPECT_FALSE(call.take("in-progress")) << "twice";
    EXPECT_FALSE(call.take("nonsense"));
    EXPECT_TRUE(call.take("completed"));
    EXPECT_FALSE(call.take("busy"));
    EXPECT_EQ(call.status(), "completed");
    EXPECT_TRUE(call.was_answered());
}

TEST(Progress, MayBeginAtTheEnd) {
    Progress call;
    EXPECT_TRUE(call.take("no-answer"));
    EXPECT_FALSE(call.take("ringing"));
    EXPECT_TRUE(call.is_over());
    EXPECT_EQ(outcome_of(call.status()), "no_answer");
    EXPECT_EQ(outcome_of("completed"), "");
}

TEST(Progress, KnowsMachines) {
    EXPECT_TRUE(is_machine("machine_start"));
    EXPECT_TRUE(is_machine("machine_end_beep"));
    EXPECT_TRUE(is_machine("fax"));
    EXPECT_FALSE(is_machine("human"));
    EXPECT_FALSE(is_machine("unknown"));
    EXPECT_FALSE(is_machine(""));
}

}  // namespace
}  // namespace parley::outbound
