#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Conversation, AnswersAfterAToolHasReturned) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    EXPECT_EQ(call.log.back(), "run check_slots");
    call.send(ToolFinished{"c1", true, "{\"free\":[]}"});
    // the response is still running: no answer is asked for yet
    EXPECT_EQ(call.log.back(), "output c1 {\"free\":[]}");
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    EXPECT_EQ(call.log.back(), "respond ");
    const auto returned = call.journal<journal::ToolReturned>();
    ASSERT_EQ(returned.size(), 1u);
    EXPECT_EQ(returned[0].name, "check_slots");
}

TEST(Conversation, AsksOnceForTheAnswerToSeveralTools) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "one", "{}"});
    call.send(ToolCalled{"r1", "c2", "two", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(ToolFinished{"c2", true, "2"});
    EXPECT_EQ(call.count("respond "), 0);
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, RunsAToolOnceAndDeliversItsResultOnce) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    EXPECT_EQ(call.count("run book"), 1);
    call.send(ToolFinished{"c1", true, "1"});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("output c1 1"), 1);
}

TEST(Conversation, DeliversAResultAlthoughTheCallerHasMovedOn) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "slow", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(CallerSpeechStarted{"u2"});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("output c1 1"), 1);
    EXPECT_EQ(call.count("respond "), 0);  // the caller is speaking: their turn gets the answer
    call.send(CallerSpeechStopped{"u2"});
    call.answer("r2", "a2", "Yes.", 300ms);
    EXPECT_EQ(call.count("respond "), 0);
}

TEST(Conversation, LetsAToolFinishWhenTheCallerHangsUp) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    EXPECT_EQ(call.log.back(), "run book");
    call.send(OutcomeSet{"appointment_booked"});
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_EQ(call.log.back(), "finish appointment_booked caller_hung_up");
}

TEST(Conversation, DoesNotWaitForEverForAToolOfAGoneCaller) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    call.pass(5'100ms);
    EXPECT_EQ(call.log.back(), "finish caller_hung_up caller_hung_up");
}

TEST(Conversation, GivesAToolsResultToANewConnectionAsText) {
    Call call;
    call.greet();
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    call.send(EngineReady{});
    call.log.clear();
    call.send(ToolFinished{"c1", true, "{\"free\":1}"});
    EXPECT_EQ(call.count("output c1 {\"free\":1}"), 0);
    ASSERT_FALSE(call.log.empty());
    EXPECT_THAT(call.log[0], HasSubstr("inject The tool check_slots has returned: {\"free\":1}"));
}

TEST(Conversation, AsksTheCallerBeforeAToolThatNeedsTheirWord) {
    Call call;
    call.greet({.tools = {{"book", {.confirm = "Shall I book {time}?"}}}});
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "book", R"({"time":"10:00"})"});
    EXPECT_EQ(call.log.back(), "check book");
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log.back(), HasSubstr("Shall I book 10:00?"));
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    EXPECT_EQ(call.log.back(), "respond ");
    call.speak("r2", "Shall I book 10:00?", 1'000ms);
    call.send(ResponseStarted{"r3"});
    call.send(ToolCalled{"r3", "c2", "book", R"({"time":"10:00"})"});
    EXPECT_EQ(call.log.back(), "check book") << "the caller has said nothing";
    call.send(ToolFinished{"c2", true, "{}"});
    call.send(ResponseDone{"r3", ResponseDone::Status::completed});
    call.caller_says("u1", "Yes, please.");
    call.send(ResponseStarted{"r4"});
    call.send(ToolCalled{"r4", "c3", "book", R"({"time":"10:00"})"});
    EXPECT_EQ(call.log.back(), "run book");
}

TEST(Conversation, FillsTheSilenceOfASlowTool) {
    Call call;
    call.greet({.tools = {{"look", {.slow_phrase = "Let me look.", .slow_after = 1'000ms}}}});
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.pass(900ms);
    EXPECT_EQ(call.log.size(), 1u);
    call.pass(150ms);
    EXPECT_THAT(call.log.back(), HasSubstr("\"Let me look.\""));
    call.speak("r2", "Let me look.", 600ms);
    call.pass(5'000ms);
    EXPECT_EQ(call.log.size(), 2u) << "once per run";
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.log.back(), "respond ");
}

TEST(Conversation, SaysNothingOverSomebodyForASlowTool) {
    Call call;
    call.greet({.tools = {{"look", {.slow_phrase = "Let me look.", .slow_after = 1'000ms}}}});
    call.answer("r1", "a1", "I will have a look at the calendar for you.", 3'000ms);
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.pass(2'900ms);
    EXPECT_EQ(call.log.size(), 1u);
    call.pass(300ms);
    EXPECT_THAT(call.log.back(), HasSubstr("Let me look."));
    call.send(CallerSpeechStarted{"u1"});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.log.back(), "output c1 1");
}

TEST(Conversation, ForgetsThePhraseOfAToolThatHasReturned) {
    Call call;
    call.greet({.tools = {{"look", {.slow_phrase = "Let me look.", .slow_after = 1'000ms}}}});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.pass(500ms);
    call.send(ToolFinished{"c1", true, "1"});
    call.speak("r2", "Ten is free.", 600ms);
    call.pass(3'000ms);
    EXPECT_THAT(call.log, testing::ElementsAre("run look", "output c1 1", "respond "));
}

TEST(Conversation, RunsABrokenIdempotentToolOnceMore) {
    Call call;
    call.greet({.tools = {{"look", {.is_idempotent = true}}}});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.send(ToolFinished{"c1", false, "x", ToolFinished::Failure::broken});
    EXPECT_EQ(call.log.back(), "rerun look");
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("output c1 1"), 1);
    EXPECT_EQ(call.count("output c1 x"), 0);
}

TEST(Conversation, GivesAToolItsWholeTimeAfterTheHangUp) {
    Call call;
    call.greet({.tools = {{"book", {.timeout = 30'000ms, .runs_after_hang_up = true}}}});
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    call.pass(20'000ms);
    EXPECT_EQ(call.log.back(), "run book");
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_EQ(call.log.back(), "finish caller_hung_up caller_hung_up");
}

TEST(Conversation, DoesNotWaitBeyondTheTimeoutOfATool) {
    Call call;
    call.greet({.tools = {{"book", {.timeout = 30'000ms, .runs_after_hang_up = true}}}});
    call.send(ToolCalled{"r1", "c1", "book", "{}"});
    call.send(CallerGone{});
    call.pass(31'000ms);
    EXPECT_EQ(call.log.back(), "finish caller_hung_up caller_hung_up");
}

TEST(Conversation, OffersTheModelOtherTools) {
    Call call;
    call.greet();
    call.send(ToolsOffered{json::array{json::object{{"name", "book"}}}});
    EXPECT_EQ(call.log.back(), "offer 1");
}

}  // namespace
}  // namespace parley::call
