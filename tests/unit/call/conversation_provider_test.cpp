#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Conversation, AsksAgainWhenTheProviderDoesNotAnswerTheCaller) {
    Call call;
    call.greet();
    call.send(CallerSpeechStarted{"u1"});
    call.send(CallerSpeechStopped{"u1"});
    call.pass(2'600ms);
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, ReconnectsWithTheConversationSoFar) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday please.");
    call.answer("r1", "a1", "Nine or ten?", 500ms);
    call.pass(700ms);
    call.log.clear();
    call.send(EngineLost{"connection reset"});
    call.pass(250ms);
    EXPECT_THAT(call.log, testing::ElementsAre("open"));
    ASSERT_EQ(call.last_history.size(), 3u);
    EXPECT_EQ(call.last_history[1].text, "Tuesday please.");
    EXPECT_EQ(call.last_history[2].text, "Nine or ten?");
    call.send(EngineReady{});
    EXPECT_EQ(call.log.size(), 1u);  // the caller noticed nothing: nothing is said
    const auto restored = call.journal<journal::ProviderRestored>();
    ASSERT_EQ(restored.size(), 1u);
    EXPECT_EQ(restored[0].gap_ms, 250);
}

TEST(Conversation, ReplaysOnlyWhatTheCallerHeard) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "One two three four five six seven eight.", 4'000ms);
    call.pass(2'000ms);
    call.send(CallerSpeechStarted{"u1"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    EXPECT_EQ(call.last_history.back().text, "One two three four");
}

TEST(Conversation, AnswersTheCallerWhoWasCutOffByALostProvider) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday please.");
    call.send(ResponseStarted{"r1"});
    call.send(EngineLost{"reset"});
    call.pass(250ms);
    call.log.clear();
    call.send(EngineReady{});
    ASSERT_EQ(call.log.size(), 1u);
    EXPECT_THAT(call.log[0], HasSubstr("interrupted for a moment"));
}

TEST(Conversation, FillsALongGapWithAPhrase) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.send(EngineLost{"reset"});
    call.pass(1'100ms);
    EXPECT_EQ(call.played_ms, before);
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before + 600);
}

TEST(Conversation, ApologisesAndEndsWhenTheProviderStaysAway) {
    Call call;
    call.greet();
    for (int attempt = 0; attempt < 5; ++attempt) {
        call.send(EngineLost{"refused"});
        call.pass(2'000ms);
    }
    EXPECT_EQ(call.count("open"), 4);
    EXPECT_EQ(call.log.back(), "finish error provider_lost");
    EXPECT_EQ(call.count("hang up"), 1);
}

TEST(Conversation, GivesUpAtOnceOnAWrongKey) {
    Call call;
    call.send(AgentPrepared{"Hello."});
    call.send(EngineLost{"invalid_api_key", false});
    EXPECT_EQ(call.played_ms, 0);
    call.send(CallerAttached{});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, 800);
    EXPECT_EQ(call.log.back(), "finish error provider_unavailable");
}

TEST(Conversation, LeavesTheApologyToTheCarrierWhenItHasNoVoice) {
    Call call({}, std::make_shared<Phrases>());
    call.send(AgentPrepared{"Hello."});
    call.send(CallerAttached{});
    call.send(EngineLost{"invalid_api_key", false});
    EXPECT_EQ(call.log.back(), "finish error provider_lost_unspoken");
}

TEST(Conversation, ApologisesWhenTheScriptIsBroken) {
    Call call;
    call.send(AgentUnavailable{"agents/sarah.lua:3: unexpected symbol"});
    call.send(CallerAttached{});
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, 800);
    EXPECT_EQ(call.log.back(), "finish error agent_unavailable");
}

TEST(Conversation, TakesAStalledProviderForLost) {
    Call call;
    call.greet();
    call.send(CallerSpeechStopped{"u1"});
    call.send(ResponseStarted{"r1"});
    call.pass(8'300ms);
    EXPECT_EQ(call.count("open"), 1);
    EXPECT_EQ(call.journal<journal::ProviderLost>().at(0).reason, "stalled");
}

TEST(Conversation, DoesNotCallAnAgentThatIsStillHeardStalled) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(20'000ms)});
    call.pass(15'000ms);
    EXPECT_EQ(call.count("open"), 0);
}

TEST(Conversation, RetriesAFailedResponseAfterTheDelayTheProviderAskedFor) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ResponseDone{"r1", ResponseDone::Status::failed, "rate_limit_exceeded", true, 900ms});
    call.pass(800ms);
    EXPECT_EQ(call.count("respond "), 0);
    call.pass(200ms);
    EXPECT_EQ(call.count("respond "), 1);
}

TEST(Conversation, ApologisesWhenResponsesKeepFailing) {
    Call call;
    call.greet();
    for (int i = 0; i < 3; ++i) {
        call.send(ResponseStarted{"r" + std::to_string(i)});
        call.send(ResponseDone{
            "r" + std::to_string(i), ResponseDone::Status::failed, "server_error", true, {}});
        call.pass(1'000ms);
    }
    call.pass(2'000ms);
    EXPECT_EQ(call.log.back(), "finish error provider_failed");
}

TEST(Conversation, RotatesInAPauseBeforeTheSessionExpires) {
    Call call({.duration_max = 1h, .silence_before_prompt = 1h, .rotate_before_expiry = 10'000ms});
    call.send(AgentPrepared{""});
    call.send(CallerAttached{});
    call.send(EngineReady{.expires_at = call.now_ + 60s});
    call.pass(49'000ms);
    call.answer("r1", "a1", "A long answer.", 3'000ms);
    call.pass(2'500ms);
    EXPECT_EQ(call.count("open"), 1);  // the first; the agent is being heard
    call.pass(1'000ms);
    EXPECT_EQ(call.count("open"), 2);
    call.send(EngineReady{.expires_at = call.now_ + 3'600s});
    const auto restored = call.journal<journal::ProviderRestored>();
    ASSERT_EQ(restored.size(), 1u);
    EXPECT_TRUE(restored[0].planned);
    EXPECT_EQ(call.played_ms, 3'000);  // the caller noticed nothing
}

TEST(Conversation, TellsACallerWhoWaitsForASlowAnswerToHoldOn) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.caller_says("u1", "Is there anything on Tuesday?");
    call.send(ResponseStarted{"r1"});
    call.pass(3'900ms);
    EXPECT_EQ(call.played_ms, before);
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before + 600) << "one moment, please";
    call.pass(2'500ms);
    EXPECT_EQ(call.played_ms, before + 600) << "not again so soon";
    EXPECT_EQ(call.count("open"), 0);
    call.send(AgentAudio{"r1", "a1", 0, speech(1'000ms)});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    call.pass(5'000ms);
    EXPECT_EQ(call.played_ms, before + 1'600) << "who has been answered does not wait";
    // What was said to fill the time is no sentence of the agent's.
    ASSERT_EQ(call.journal<journal::AgentSaid>().size(), 2u);
    EXPECT_EQ(call.journal<journal::AgentSaid>()[1].heard_ms, 1'000);
}

TEST(Conversation, FillsTheTimeOfASlowToolFromTheMomentTheAgentFallsSilent) {
    Call call;
    call.greet();
    call.caller_says("u1", "Is there anything on Tuesday?");
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(3'000ms)});
    call.send(ToolCalled{"r1", "c1", "check_slots", "{}"});
    call.send(ResponseDone{"r1", ResponseDone::Status::completed});
    const auto before = call.played_ms;
    call.pass(6'500ms);
    EXPECT_EQ(call.played_ms - before, 3'000 - 200)
        << "its words, of which the lead was sent already";
    call.pass(1'500ms);
    EXPECT_EQ(call.played_ms - before, 2'800 + 600);
}

TEST(Conversation, DoesNotTalkIntoACallersWordsWhileTheyWait) {
    Call call;
    call.greet();
    const auto before = call.played_ms;
    call.caller_says("u1", "Tuesday.");
    call.send(ResponseStarted{"r1"});
    call.pass(3'000ms);
    call.send(CallerSpeechStarted{"u2"});
    call.pass(3'000ms);
    EXPECT_EQ(call.played_ms, before);
}

TEST(Conversation, LeavesAFillerAtOnceWhenTheCallerSpeaks) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday.");
    call.send(ResponseStarted{"r1"});
    call.pass(4'200ms);
    call.log.clear();
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_EQ(call.count("clear"), 1);
    EXPECT_TRUE(call.journal<journal::Interrupted>().empty()) << "the model need not know";
}

TEST(Conversation, GivesUpOnAProviderThatTakesEveryConnectionAndDropsIt) {
    Call call;
    call.greet();
    for (int attempt = 0; attempt < 5; ++attempt) {
        call.send(EngineLost{"closed with 1000"});
        call.pass(2'000ms);
        if (attempt < 4) call.send(EngineReady{});
    }
    EXPECT_EQ(call.count("open"), 4);
    EXPECT_EQ(call.log.back(), "finish error provider_lost");
}

TEST(Conversation, TakesAProviderThatDoesNotEvenBeginAnAnswerForLostSooner) {
    Call call;
    call.greet();
    call.caller_says("u1", "Tuesday.");
    call.pass(2'600ms);
    EXPECT_EQ(call.count("respond "), 1) << "asked, since it does not answer by itself";
    call.pass(3'800ms);
    EXPECT_EQ(call.count("open"), 0);
    call.pass(500ms);
    EXPECT_EQ(call.count("open"), 1);
    EXPECT_EQ(call.journal<journal::ProviderLost>().at(0).reason, "stalled");
}

}  // namespace
}  // namespace parley::call
