// What the script wants spoken, in a whole conversation: a queue alone would prove little.
#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using How = SayDone::How;

TEST(Say, IsHeardWordForWordBeforeTheScriptGoesOn) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment."});
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("Say exactly this")));
    EXPECT_THAT(call.log[0], HasSubstr("\"One moment.\""));
    call.answer("r1", "a1", "One moment.", 1'000ms);
    call.pass(900ms);
    EXPECT_THAT(call.told<SayDone>(), IsEmpty()) << "still being heard";
    call.pass(200ms);
    const auto done = call.told<SayDone>();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].say_id, 7u);
    EXPECT_EQ(done[0].how, How::heard);
    EXPECT_EQ(done[0].heard, "One moment.");
}

TEST(Say, TellsWhatWasHeardWhenTheCallerCutsIn) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "We have ten thirty or eleven."});
    call.answer("r1", "a1", "We have ten thirty or eleven.", 3'000ms);
    call.pass(1'000ms);
    call.send(CallerSpeechStarted{"u1"});
    const auto done = call.told<SayDone>();
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(done[0].how, How::interrupted);
    EXPECT_EQ(done[0].heard, "We have");
}

TEST(Say, IsInterruptedBeforeItsFirstWord) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment."});
    call.send(CallerSpeechStarted{"u1"});
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, How::interrupted);
    EXPECT_EQ(call.told<SayDone>()[0].heard, "");
    EXPECT_EQ(call.count("cancel"), 1);
}

TEST(Say, EndsWithTheCall) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One."});
    call.send(SayAsked{8, "Two."});
    call.send(CallerGone{});
    const auto done = call.told<SayDone>();
    ASSERT_EQ(done.size(), 2u);
    EXPECT_EQ(done[0].how, How::hung_up);
    EXPECT_EQ(done[1].how, How::hung_up);
}

TEST(Say, IsRefusedBeforeThereIsAModel) {
    Call call;
    call.send(SayAsked{7, "Too early: on_start."});
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, How::no_model);
}

TEST(Say, TellsThatTheModelIsGoneForGood) {
    Call call;
    call.greet();
    call.send(EngineLost{"invalid_api_key", false});
    call.send(SayAsked{7, "Hello?"});
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, How::no_model);
}

TEST(Say, IsSaidAgainWhenTheModelWasLostBeforeItsFirstWord) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment."});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    call.log.clear();
    call.send(EngineReady{});
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("\"One moment.\"")))
        << "and no apology for the gap";
    call.speak("r1", "One moment.", 500ms);
    EXPECT_EQ(call.told<SayDone>().at(0).how, How::heard);
}

TEST(Say, TellsHowFarItCameWhenTheModelWasLostInTheMiddle) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment, please."});
    call.send(ResponseStarted{"r1"});
    call.send(AgentText{"r1", "a1", "One moment"});
    call.send(AgentAudio{"r1", "a1", 0, speech(500ms)});
    call.send(EngineLost{"reset"});
    call.pass(700ms);
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, How::no_model);
    EXPECT_EQ(call.told<SayDone>()[0].heard, "One moment");
}

TEST(Say, WaitsUntilNobodySpeaks) {
    Call call;
    call.greet();
    call.send(CallerSpeechStarted{"u1"});
    call.send(SayAsked{7, "One moment."});
    EXPECT_THAT(call.log, IsEmpty());
    call.send(CallerSpeechStopped{"u1"});
    EXPECT_THAT(call.log, IsEmpty()) << "the model answers the caller first";
    call.answer("r1", "a1", "Of course.", 500ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("\"One moment.\"")));
}

TEST(Say, IsNotTakenForAnAnswerOfTheServersOwn) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment."});
    call.send(ResponseStarted{"r_own", false});
    call.send(AgentText{"r_own", "a1", "Of course."});
    call.send(AgentAudio{"r_own", "a1", 0, speech(300ms)});
    call.send(ResponseDone{"r_own", ResponseDone::Status::completed});
    call.pass(400ms);
    EXPECT_TRUE(call.told<SayDone>().empty());
    call.speak("r1", "One moment.", 500ms);
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].heard, "One moment.");
}

TEST(Say, SpeaksOneAfterTheOther) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One."});
    call.send(SayAsked{8, "Two."});
    EXPECT_EQ(call.log.size(), 1u);
    call.speak("r1", "One.", 300ms);
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[1], HasSubstr("\"Two.\""));
}

TEST(Say, RefusesMoreThanCanEverBeSaid) {
    Call call;
    call.greet();
    for (std::uint64_t i = 1; i <= 10; ++i) call.send(SayAsked{i, "Word."});
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, How::too_many);
    EXPECT_EQ(call.told<SayDone>()[0].say_id, 10u);
}

TEST(Say, IsTriedAgainAfterAFailedResponse) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "One moment."});
    call.send(ResponseStarted{"r1"});
    call.send(ResponseDone{"r1", ResponseDone::Status::failed, "rate_limit_exceeded", true, 900ms});
    EXPECT_EQ(call.log.size(), 1u);
    call.pass(950ms);
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[1], HasSubstr("\"One moment.\""));
}

TEST(Say, LeavesTheAnswerToAToolForAfterwards) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.send(SayAsked{7, "One moment."});
    call.send(ToolFinished{"c1", true, "1"});
    EXPECT_EQ(call.count("respond "), 0) << "two wishes at once would become one";
    call.answer("r2", "a2", "One moment.", 500ms);
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Say, KeepsTheLineUntilItHasBeenHeard) {
    Call call;
    call.greet();
    call.send(SayAsked{7, "Goodbye."});
    call.send(HangUpAsked{});
    call.pass(1'000ms);
    EXPECT_EQ(call.count("hang up"), 0);
    call.speak("r1", "Goodbye.", 500ms);
    EXPECT_EQ(call.count("hang up"), 1);
    EXPECT_EQ(call.told<SayDone>().at(0).how, How::heard);
}

}  // namespace
}  // namespace parley::call
