#include <parley/call/tool_desk.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Failure = ToolFinished::Failure;

constexpr TimePoint start{1h};

struct Desk : ToolDesk {
    explicit Desk(ToolOptions options = {}) { set_options({{"book", std::move(options)}}); }
    std::optional<RunTool> call(
        const std::string& id,
        const std::string& arguments = R"({"date":"2026-12-01","time":"10:00"})",
        int connection = 1) {
        return called({"r", id, "book", arguments}, connection, now);
    }
    // The answer of the agent to a check or a run that went well.
    std::string done(const std::string& id, const std::string& output = "{}") {
        const auto out = finished({id, true, output, Failure::none});
        return out.results.empty() ? "" : out.results[0].output;
    }
    TimePoint now = start;
};

TEST(ToolDesk, RunsEachIdOnce) {
    Desk desk;
    EXPECT_TRUE(desk.call("c1"));
    EXPECT_FALSE(desk.call("c1"));
    EXPECT_EQ(desk.done("c1", "1"), "1");
    EXPECT_EQ(desk.done("c1", "1"), "") << "delivered already";
    EXPECT_FALSE(desk.call("c1"));
}

// ---- the caller's word ------------------------------------------------------------------------

TEST(ToolDesk, DoesNotRunAToolBeforeTheCallerHasAgreed) {
    Desk desk({.confirm = "Shall I book {date} at {time}?"});
    const auto first = desk.call("c1");
    EXPECT_EQ(first->purpose, RunTool::Purpose::check);
    EXPECT_THAT(desk.done("c1"), HasSubstr("Shall I book 2026-12-01 at 10:00?"));
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c2")->purpose, RunTool::Purpose::run);
    EXPECT_EQ(desk.done("c2", "booked"), "booked");
}

TEST(ToolDesk, DoesNotTakeTheModelsWordForTheCallers) {
    Desk desk({.confirm = "Sure?"});
    desk.caller_spoke();  // what led to the first call is no consent to it
    desk.call("c1");
    desk.done("c1");
    EXPECT_EQ(desk.call("c2")->purpose, RunTool::Purpose::check)
        << "nobody has spoken since the question";
    desk.done("c2");
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c3")->purpose, RunTool::Purpose::run);
}

TEST(ToolDesk, AsksAnewForOtherArguments) {
    Desk desk({.confirm = "Book {time}?"});
    desk.call("c1", R"({"time":"10:00"})");
    desk.done("c1");
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c2", R"({"time":"11:00"})")->purpose, RunTool::Purpose::check);
    EXPECT_THAT(desk.done("c2"), HasSubstr("Book 11:00?"));
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c3", R"({"time":"10:00"})")->purpose, RunTool::Purpose::check)
        << "the newest question counts";
}

TEST(ToolDesk, TakesTheSameArgumentsInAnotherOrderForTheSame) {
    Desk desk({.confirm = "Sure?"});
    desk.call("c1", R"({"a":1,"b":[2]})");
    desk.done("c1");
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c2", R"({ "b": [2], "a": 1 })")->purpose, RunTool::Purpose::run);
}

TEST(ToolDesk, NeedsAWordForEachRun) {
    Desk desk({.confirm = "Sure?"});
    desk.call("c1");
    desk.done("c1");
    desk.caller_spoke();
    desk.call("c2");
    desk.done("c2");
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c3")->purpose, RunTool::Purpose::check);
}

TEST(ToolDesk, AsksNothingOfTheCallerForArgumentsThatAreWrong) {
    Desk desk({.confirm = "Sure?"});
    desk.call("c1");
    const auto out = desk.finished({"c1", false, R"({"error":"bad_arguments"})", Failure::refused});
    EXPECT_EQ(out.results.at(0).output, R"({"error":"bad_arguments"})");
    desk.caller_spoke();
    EXPECT_EQ(desk.call("c2")->purpose, RunTool::Purpose::check);
}

TEST(ToolDesk, FillsAQuestion) {
    const json::value arguments = json::object{{"name", "Ada"}, {"count", 2}};
    EXPECT_EQ(filled_question("Order {count} for {name}?", arguments), "Order 2 for Ada?");
    EXPECT_EQ(filled_question("{nobody} {", arguments), "{nobody} {");
    EXPECT_EQ(filled_question("", nullptr), "");
}

// ---- broken runs ------------------------------------------------------------------------------

TEST(ToolDesk, RunsABrokenIdempotentToolOnceMore) {
    Desk desk({.is_idempotent = true});
    desk.call("c1");
    auto out = desk.finished({"c1", false, "x", Failure::broken});
    ASSERT_TRUE(out.again);
    EXPECT_EQ(out.again->attempt, 2);
    EXPECT_EQ(out.again->tool_call_id, "c1");
    EXPECT_TRUE(out.results.empty());
    out = desk.finished({"c1", false, "x", Failure::broken});
    EXPECT_FALSE(out.again);
    EXPECT_EQ(out.results.at(0).output, "x");
}

TEST(ToolDesk, NeverRepeatsAToolThatIsNotIdempotent) {
    Desk desk;
    desk.call("c1");
    const auto out = desk.finished({"c1", false, "x", Failure::broken});
    EXPECT_FALSE(out.again);
    EXPECT_EQ(out.results.size(), 1u);
}

TEST(ToolDesk, DoesNotRepeatWhatWouldOnlyFailAgain) {
    for (const auto failure :
         {Failure::refused, Failure::gave_up, Failure::error, Failure::timeout, Failure::none}) {
        Desk desk({.is_idempotent = true});
        desk.call("c1");
        EXPECT_FALSE(desk.finished({"c1", false, "x", failure}).again);
    }
}

TEST(ToolDesk, GivesANewConnectionTheResultOfTheRunUnderWay) {
    Desk desk;
    desk.call("c1", "{}", 1);
    EXPECT_FALSE(desk.call("c2", "{}", 2)) << "the booking is being made already";
    const auto out = desk.finished({"c1", true, "booked", Failure::none});
    ASSERT_EQ(out.results.size(), 2u);
    EXPECT_EQ(out.results[0].connection, 1);
    EXPECT_EQ(out.results[1].tool_call_id, "c2");
    EXPECT_EQ(out.results[1].connection, 2);
    EXPECT_EQ(out.results[1].output, "booked");
}

TEST(ToolDesk, RunsAnIdempotentToolAgainForANewConnection) {
    Desk desk({.is_idempotent = true});
    desk.call("c1", "{}", 1);
    EXPECT_TRUE(desk.call("c2", "{}", 2));
}

TEST(ToolDesk, RunsTwoCallsOfOneConnectionOnTheirOwn) {
    Desk desk;
    EXPECT_TRUE(desk.call("c1", "{}", 1));
    EXPECT_TRUE(desk.call("c2", "{}", 1));
}

// ---- time -------------------------------------------------------------------------------------

TEST(ToolDesk, SpeaksThePhraseOfASlowRunOnce) {
    Desk desk({.slow_phrase = "Let me look.", .slow_after = 1'500ms});
    desk.call("c1");
    EXPECT_EQ(desk.next_slow(), start + 1'500ms);
    EXPECT_FALSE(desk.take_slow(start + 1'499ms));
    const auto slow = desk.take_slow(start + 1'500ms);
    ASSERT_TRUE(slow);
    EXPECT_EQ(slow->phrase, "Let me look.");
    EXPECT_FALSE(desk.take_slow(start + 9s));
    EXPECT_EQ(desk.next_slow(), TimePoint::max());
}

TEST(ToolDesk, HasNoPhraseForAToolThatOnlyWaitsForTheCallersWord) {
    Desk desk({.slow_phrase = "Let me look.", .confirm = "Sure?"});
    desk.call("c1");
    EXPECT_EQ(desk.next_slow(), TimePoint::max());
}

TEST(ToolDesk, GivesARunItsWholeTimeAfterTheHangUpIfItWantsIt) {
    Desk desk;
    desk.set_options(
        {{"book", {.timeout = 30s, .runs_after_hang_up = true}}, {"look", {.timeout = 30s}}});
    desk.called({"r", "c1", "look", "{}"}, 1, start);
    desk.caller_gone(start + 1s, 5s);
    EXPECT_EQ(desk.wait_until(), start + 6s);
    Desk other;
    other.set_options(
        {{"book", {.timeout = 30s, .runs_after_hang_up = true}}, {"look", {.timeout = 30s}}});
    other.called({"r", "c1", "book", "{}"}, 1, start);
    other.called({"r", "c2", "look", "{}"}, 1, start);
    other.caller_gone(start + 1s, 5s);
    EXPECT_GE(other.wait_until(), start + 30s);
    other.finished({"c1", true, "{}", Failure::none});
    EXPECT_EQ(other.wait_until(), start + 6s);
}

}  // namespace
}  // namespace parley::call
