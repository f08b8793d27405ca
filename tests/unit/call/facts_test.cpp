#include <parley/call/facts.hpp>

#include <gtest/gtest.h>

namespace parley::call {
namespace {

using namespace journal;

constexpr const char* asked = R"({"customer_name":"Ada","date":"2026-12-01","time":"14:00"})";

TEST(Facts, AreLearntFromAToolThatBooks) {
    Facts facts;
    facts.take(ToolStarted{"t1", "reserve", asked});
    EXPECT_EQ(facts.customer_name, "") << "it may yet fail";
    facts.take(ToolReturned{"t1", "reserve", true, R"({"confirmation_number":"APT-1"})", 5});
    EXPECT_EQ(facts.customer_name, "Ada");
    EXPECT_EQ(facts.confirmation_number, "APT-1");
    EXPECT_EQ(facts.date, "2026-12-01");
    EXPECT_EQ(facts.time, "14:00");
}

TEST(Facts, AreNotLearntFromAToolThatFailedOrOnlyLooked) {
    Facts facts;
    facts.take(ToolStarted{"t1", "reserve", asked});
    facts.take(ToolReturned{"t1", "reserve", false, R"({"confirmation_number":"APT-1"})", 5});
    facts.take(ToolStarted{"t2", "find", "{}"});
    facts.take(ToolReturned{"t2", "find", true, R"({"confirmation_number":"APT-2"})", 5});
    facts.take(ToolReturned{"t3", "never_started", true, R"({"confirmation_number":"APT-3"})", 5});
    EXPECT_EQ(facts.customer_name, "");
    EXPECT_EQ(facts.confirmation_number, "");
}

TEST(Facts, StandAsTheAgentHasNotedThem) {
    Facts facts;
    facts.take(ToolStarted{"t1", "reserve", asked});
    facts.take(Note{
        "booked", {{"confirmation_number", "APT-1"}, {"date", "2026-12-01"}, {"time", "2:00 PM"}}});
    facts.take(ToolReturned{"t1", "reserve", true, R"({"confirmation_number":"APT-1"})", 5});
    EXPECT_EQ(facts.time, "2:00 PM");
    facts.take(ToolStarted{"t2", "reserve", R"({"date":"2026-12-02","time":"09:00"})"});
    facts.take(ToolReturned{"t2", "reserve", true, R"({"confirmation_number":"APT-2"})", 5});
    EXPECT_EQ(facts.time, "09:00") << "another booking, of which nothing is noted";
}

TEST(Facts, GoFromStepToStepUntilTheEnd) {
    Facts facts;
    EXPECT_EQ(facts.step(), "greeting");
    facts.take(Note{"", {{"step", "collecting_name"}}});
    EXPECT_EQ(facts.step(), "collecting_name");
    facts.take(Note{"prefers mornings", {{"day", "Tuesday"}}});
    facts.take(Note{"", {{"step", 7}}});
    EXPECT_EQ(facts.step(), "collecting_name");
    facts.end();
    facts.take(Note{"", {{"step", "booking"}}});
    EXPECT_EQ(facts.step(), "farewell");
}

TEST(OutcomeWord, TellsABookingFromAHangUp) {
    Facts none, booked;
    booked.learn({{"confirmation_number", "APT-1"}});
    EXPECT_EQ(outcome_word("caller_hung_up", "caller_hung_up", none), "user_hangup");
    EXPECT_EQ(outcome_word("caller_hung_up", "caller_hung_up", booked), "appointment_booked");
    EXPECT_EQ(outcome_word("appointment_cancelled", "agent_hung_up", booked), "no_booking");
    EXPECT_EQ(outcome_word("time_limit", "time_limit", none), "no_booking");
    EXPECT_EQ(outcome_word("error", "provider_lost", booked), "error");
}

}  // namespace
}  // namespace parley::call
