#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Conversation, ConnectsWhileThePhoneIsStillRinging) {
    Call call;
    call.send(AgentPrepared{"Hello."});
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
    call.send(EngineReady{});
    EXPECT_EQ(call.log.size(), 1u);  // nobody is there to be greeted
    call.send(CallerAttached{});
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[1], HasSubstr("\"Hello.\""));
}

TEST(Conversation, LetsTheCallerSpeakFirstWhenThereIsNoGreeting) {
    Call call;
    call.send(AgentPrepared{""});
    call.send(EngineReady{});
    call.send(CallerAttached{});
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
}

TEST(Conversation, DropsCallerAudioUntilTheEngineListens) {
    Call call;
    const auto frame = speech(20ms);
    call.send(AgentPrepared{""});
    call.send(CallerAttached{});
    call.send(CallerAudio{frame});
    EXPECT_EQ(call.appended, 0);
    call.send(EngineReady{});
    call.send(CallerAudio{frame});
    EXPECT_EQ(call.appended, 160);
}

TEST(Conversation, CutsTheAgentOffAtWhatTheCallerHeard) {
    Call call;
    call.greet();
    call.caller_says("u1", "Any time on Tuesday?");
    call.answer("r1", "a1", "We have nine thirty, ten and eleven o'clock.", 4'000ms);
    call.pass(1'000ms);
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_THAT(call.log, testing::ElementsAre("clear", "withdraw", "truncate a1 1000"));
    const auto said = call.journal<journal::AgentSaid>();
    ASSERT_EQ(said.size(), 2u);
    EXPECT_TRUE(said[1].interrupted);
    EXPECT_EQ(said[1].heard, "We have");
    EXPECT_EQ(said[1].unheard, "nine thirty, ten and eleven o'clock.");
    EXPECT_EQ(call.journal<journal::Interrupted>().at(0).heard_ms, 1'000);
}

TEST(Conversation, DropsLateAudioOfACutResponse) {
    Call call;
    call.greet();
    call.send(CallerSpeechStopped{"u1"});
    call.send(ResponseStarted{"r1"});
    const auto audio = speech(500ms);
    call.send(AgentAudio{"r1", "a1", 0, audio});
    call.send(CallerSpeechStarted{"u2"});
    const auto before = call.played_ms;
    call.send(AgentAudio{"r1", "a1", 0, audio});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before);
}

TEST(Conversation, CancelsTheResponseItselfWhenTheEngineDoesNot) {
    Call call({.engine_interrupts_itself = false});
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(500ms)});
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_EQ(call.count("cancel"), 1);
}

TEST(Conversation, TakesBackWhatIsAskedForWhenTheCallerCutsInOnAnAnswerThatOvertookIt) {
    Call call;
    call.greet();
    call.send(TextInjected{"The door is open.", true});
    call.send(ResponseStarted{"r_own", false});
    call.send(AgentAudio{"r_own", "a1", 0, speech(500ms)});
    call.log.clear();
    call.send(CallerSpeechStarted{"u1"});
    EXPECT_EQ(call.count("cancel"), 1);
}

TEST(Conversation, TakesBackWhatMayStillBeAskedForWhenTheServerCutsItselfOff) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(500ms)});
    call.log.clear();
    call.send(CallerSpeechStarted{"u1"});
    EXPECT_EQ(call.count("withdraw"), 1);
    EXPECT_EQ(call.count("cancel"), 0);
}

TEST(Conversation, DoesNothingWhenTheCallerSpeaksIntoSilence) {
    Call call;
    call.greet();
    call.send(CallerSpeechStarted{"u1"});
    EXPECT_TRUE(call.log.empty());
}

TEST(Conversation, TellsTheModelPressedKeysTogether) {
    Call call;
    call.greet();
    call.send(DtmfPressed{'4'});
    call.pass(500ms);
    call.send(DtmfPressed{'2'});
    call.pass(1'900ms);
    EXPECT_TRUE(call.log.empty());
    call.pass(200ms);
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[0], HasSubstr("42"));
}

TEST(Conversation, FinishesANumberAtTheHashKey) {
    Call call;
    call.greet();
    call.send(DtmfPressed{'4'});
    call.send(DtmfPressed{'#'});
    ASSERT_EQ(call.log.size(), 2u);
    EXPECT_THAT(call.log[0], HasSubstr("4#"));
}

TEST(Conversation, MeasuresFromTheEndOfSpeechToTheFirstAudio) {
    Call call;
    call.greet();
    call.caller_says("u1", "Hello?");
    call.pass(350ms);
    call.answer("r1", "a1", "Hi.", 300ms);
    const auto latency = call.journal<journal::TurnLatency>();
    ASSERT_EQ(latency.size(), 1u);
    EXPECT_EQ(latency[0].model_ms, 350);
    EXPECT_EQ(latency[0].first_audio_ms, 350);
}

TEST(Conversation, CountsWhatWritingDownTheCallersWordsCosts) {
    Call call;
    call.greet();
    Usage usage;
    usage.audio_seconds = 2.5;
    usage.cost_usd = 0.0002;
    call.send(CallerTranscribed{"u1", "Hello?", usage});
    call.send(CallerTranscribed{"u2", "", usage});
    call.send(CallerTranscribed{"u3", "Without usage."});
    const auto counted = call.journal<journal::UsageCounted>();
    ASSERT_EQ(counted.size(), 2u) << "noise is billed too";
    EXPECT_EQ(counted[0].item_id, "u1");
    EXPECT_EQ(counted[0].response_id, "");
    EXPECT_EQ(counted[0].usage.cost_usd, 0.0002);
}

}  // namespace
}  // namespace parley::call
