#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Conversation, AsksASilentCallerAndThenEndsTheCall) {
    Call call;
    call.greet();
    call.pass(10'000ms);
    ASSERT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("still there"));
    call.answer("r1", "a1", "Are you still there?", 1'000ms);
    call.pass(11'100ms);
    call.answer("r2", "a2", "Are you still there?", 1'000ms);
    call.pass(11'100ms);
    EXPECT_THAT(call.log.back(), HasSubstr("Goodbye"));
    call.answer("r3", "a3", "Goodbye.", 1'000ms);
    call.pass(900ms);
    EXPECT_EQ(call.count("hang up"), 0);  // the goodbye is still being heard
    call.pass(200ms);
    EXPECT_EQ(call.log.back(), "finish no_booking caller_silent");
}

TEST(Conversation, StopsAskingWhenTheCallerSpeaks) {
    Call call;
    call.greet();
    call.pass(10'000ms);
    call.answer("r1", "a1", "Are you still there?", 1'000ms);
    call.caller_says("u1", "Yes.");
    call.answer("r2", "a2", "Good.", 500ms);
    call.log.clear();
    call.pass(10'600ms);
    EXPECT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("still there"));
}

TEST(Conversation, WrapsUpWhenTheTimeIsUp) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h});
    call.greet();
    call.pass(59'000ms);
    ASSERT_FALSE(call.log.empty());
    EXPECT_THAT(call.log.back(), HasSubstr("time for this call is up"));
    call.answer("r1", "a1", "Our time is up, goodbye.", 2'000ms);
    call.send(CallerSpeechStarted{"u1"});  // does not keep the call
    EXPECT_EQ(call.count("clear"), 0);
    call.pass(2'100ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, DropsTheLineWhenTheLastWordsNeverCome) {
    Call call({.duration_max = 60'000ms,
               .silence_before_prompt = 1h,
               .unanswered_after = 1h,
               .stall_after = 1h});
    call.greet();
    call.pass(59'000ms + 12'100ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, HangsUpAfterTheGoodbyeHasBeenHeard) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentText{"r1", "a1", "Goodbye!"});
    call.send(AgentAudio{"r1", "a1", 0, speech(1'000ms)});
    call.send(AgentItemDone{"r1", "a1", "Goodbye!"});
    call.send(ToolCalled{"r1", "c1", "end_call", "{}"});
    call.send(HangUpAsked{});
    call.send(ToolFinished{"c1", true, "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.pass(900ms);
    EXPECT_EQ(call.count("hang up"), 0);
    call.pass(200ms);
    EXPECT_EQ(call.count("hang up"), 1);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
    EXPECT_EQ(call.count("respond "), 0);
}

TEST(Conversation, SaysGoodbyeWhenTheAgentHangsUpWithoutAWord) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "end_call", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(HangUpAsked{});
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log.back(), HasSubstr("Say goodbye"));
    call.answer("r2", "a2", "Goodbye.", 500ms);
    call.pass(600ms);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
}

TEST(Conversation, KeepsTheCallWhenTheCallerSpeaksDuringTheGoodbye) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.pass(300ms);
    call.send(CallerSpeechStarted{"u1"});
    call.pass(5'000ms);
    EXPECT_EQ(call.count("hang up"), 0);
}

TEST(Conversation, HangsUpAlthoughTheCarrierEchoesNoMarks) {
    Call call;
    call.greet();
    call.echoes_marks = false;
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.pass(3'100ms);
    EXPECT_EQ(call.count("hang up"), 1);
}

TEST(Conversation, EndsWithTheOutcomeTheScriptSet) {
    Call call;
    call.greet();
    call.send(OutcomeSet{"appointment_booked"});
    call.send(CallerGone{});
    EXPECT_EQ(call.log.back(), "finish appointment_booked caller_hung_up");
    EXPECT_EQ(call.count("hang up"), 0);
    EXPECT_EQ(call.journal<journal::CallEnded>().at(0).outcome, "appointment_booked");
}

TEST(Conversation, WrapsUpWhenTheProcessMustStop) {
    Call call;
    call.greet();
    call.send(DrainAsked{});
    EXPECT_EQ(call.log.size(), 1u);
    call.answer("r1", "a1", "Goodbye.", 500ms);
    call.pass(600ms);
    EXPECT_EQ(call.log.back(), "finish no_booking shutdown");
}

TEST(Conversation, HearsNothingAfterItsEnd) {
    Call call;
    call.greet();
    call.send(CallerGone{});
    call.log.clear();
    call.send(CallerSpeechStarted{"u"});
    call.send(EngineLost{"late"});
    call.send(AlarmRang{});
    EXPECT_TRUE(call.log.empty());
    EXPECT_EQ(call.conversation_.next_alarm(), TimePoint::max());
}

TEST(Conversation, SaysGoodbyeItselfWhenTheModelStallsAtTheEnd) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h});
    call.greet();
    const auto before = call.played_ms;
    call.pass(58'900ms + 4'200ms);
    EXPECT_EQ(call.played_ms, before + 300);
    call.pass(200ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Conversation, EndsAtOnceForAnOperatorWithoutWords) {
    Call call;
    call.greet();
    call.send(EndAsked{});
    EXPECT_EQ(call.log.back(), "finish no_booking ended_by_operator");
    EXPECT_EQ(call.count("hang up"), 1);
}

TEST(Conversation, SaysAnOperatorsLastWordsBeforeItEnds) {
    Call call;
    call.greet();
    call.send(EndAsked{"We have to end this call. Goodbye."});
    ASSERT_FALSE(call.log.empty());
    EXPECT_THAT(call.log.back(), HasSubstr("We have to end this call. Goodbye."));
    call.send(EndAsked{"Twice."});
    EXPECT_THAT(call.log.back(), testing::Not(HasSubstr("Twice.")));
    call.answer("r1", "a1", "We have to end this call. Goodbye.", 2'000ms);
    call.pass(1'900ms);
    EXPECT_EQ(call.count("hang up"), 0);
    call.pass(200ms);
    EXPECT_EQ(call.log.back(), "finish no_booking ended_by_operator");
}

}  // namespace
}  // namespace parley::call
