// The line itself: transfers, hold, tones, recording, messages.
#include "stage.hpp"

#include <parley/audio/tones.hpp>

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using How = TransferEnded::How;
using State = Conversation::State;

const std::string desk = "+15550100100";

TransferAsked to_desk(std::string words = "", std::string briefing = "") {
    return {{desk, std::move(briefing), 20s}, std::move(words)};
}

// Greeted, and put through.
void put_through(Call& call, AgentPrepared rules = {}) {
    call.greet(std::move(rules));
    call.send(to_desk());
    ASSERT_EQ(call.conversation_.state(), State::away);
    call.log.clear();
}

// Nobody has taken the call, and the carrier brings the caller back.
void bring_back(Call& call, How how = How::no_answer) {
    call.send(TransferEnded{how});
    call.pass(400ms);
    call.send(CallerAttached{});
}

constexpr const char* told_no_answer =
    "inject Nobody took the call at the other number (no answer). You are speaking with the caller "
    "again; tell them and go on.";

std::vector<std::string> problems(const Call& call) {
    std::vector<std::string> all;
    for (const auto& each : call.journal<journal::Problem>()) all.push_back(each.what);
    return all;
}

// ---- a transfer begins ------------------------------------------------------------------------

TEST(Transfer, HandsTheLineOverWhenTheAgentHasFinished) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through.", 1'000ms);
    call.send(to_desk("", "A caller with a bill."));
    call.pass(900ms);
    EXPECT_THAT(call.log, IsEmpty()) << "the sentence is still being heard";
    call.pass(200ms);
    EXPECT_THAT(call.log, ElementsAre("hand over to " + desk));
    EXPECT_EQ(call.conversation_.state(), State::away);
    const auto started = call.journal<journal::TransferStarted>();
    ASSERT_EQ(started.size(), 1u);
    EXPECT_EQ(started[0].to, desk);
    EXPECT_TRUE(started[0].is_briefed);
}

TEST(Transfer, SaysItsWordsFirst) {
    Call call;
    call.greet();
    call.send(to_desk("One moment, I am putting you through."));
    ASSERT_THAT(call.log, ElementsAre(HasSubstr("One moment, I am putting you through.")));
    call.answer("r1", "a1", "One moment, I am putting you through.", 1'000ms);
    call.pass(900ms);
    EXPECT_EQ(call.count("hand over to " + desk), 0);
    call.pass(200ms);
    EXPECT_EQ(call.count("hand over to " + desk), 1);
}

TEST(Transfer, WaitsForTheToolThatAskedForItAndAsksTheModelNothing) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "put_through", "{}"});
    call.send(ResponseDone{"r1"});
    call.send(to_desk());
    call.pass(500ms);
    EXPECT_EQ(call.count("hand over to " + desk), 0) << "the tool still runs";
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log, ElementsAre("run put_through", "output c1 {}", "hand over to " + desk));
}

TEST(Transfer, WaitsNoLongerForAToolThanForLastWords) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "slow", "{}"});
    call.send(ResponseDone{"r1"});
    call.send(to_desk());
    call.pass(13'000ms);
    EXPECT_EQ(call.count("hand over to " + desk), 1);
    call.log.clear();
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log, ElementsAre("output c1 {}")) << "nobody is there to be answered";
}

TEST(Transfer, GoesOnAlthoughTheModelHasNoWords) {
    Call call({.unanswered_after = 1h, .stall_after = 1h});
    call.greet();
    call.send(to_desk("One moment."));
    call.pass(14'000ms);
    EXPECT_EQ(call.log.back(), "hand over to " + desk);
    EXPECT_EQ(call.count("cancel"), 1) << "what was asked for is not wanted any more";
}

TEST(Transfer, IsNotCutOffByACallerWhoSaysThanks) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through.", 1'000ms);
    call.send(to_desk());
    call.pass(300ms);
    call.send(CallerSpeechStarted{"u1"});
    call.pass(400ms);
    EXPECT_EQ(call.count("clear"), 0);
    call.send(CallerSpeechStopped{"u1"});
    call.answer("r2", "a2", "You are welcome.", 500ms);
    call.pass(1'000ms);
    EXPECT_EQ(call.count("hand over to " + desk), 1);
    EXPECT_EQ(call.journal<journal::AgentSaid>().at(1).unheard, "");
}

TEST(Transfer, AskedForInOnStartComesAfterTheGreeting) {
    Call call;
    call.send(to_desk());
    call.send(AgentPrepared{.greeting = "Hello there."});
    call.send(EngineReady{});
    call.pass(60'000ms);
    EXPECT_EQ(call.count("hand over to " + desk), 0) << "there is no caller yet";
    call.send(CallerAttached{});
    call.answer("r0", "a0", "Hello there.", 1'000ms);
    call.pass(1'100ms);
    EXPECT_EQ(call.log.back(), "hand over to " + desk);
}

TEST(Transfer, CountsOnceWhenAskedForTwice) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through.", 1'000ms);
    call.send(to_desk());
    call.send(TransferAsked{{"+15550100200", "", 20s}, ""});
    call.pass(1'100ms);
    call.send(TransferAsked{{"+15550100300", "", 20s}, ""});
    EXPECT_THAT(call.log, ElementsAre("hand over to " + desk));
    EXPECT_THAT(problems(call), ElementsAre("transfer_dropped", "transfer_dropped"));
}

TEST(Transfer, IsDroppedWhileTheCallEnds) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.send(to_desk());
    call.pass(1'100ms);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");
    EXPECT_EQ(call.count("hand over to " + desk), 0);
    EXPECT_THAT(problems(call), ElementsAre("transfer_dropped"));
}

TEST(Transfer, OutlastsAnAgentThatHangsUpAsWell) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through, goodbye.", 1'000ms);
    call.send(to_desk());
    call.send(HangUpAsked{});
    call.pass(1'100ms);
    EXPECT_THAT(call.log, ElementsAre("hand over to " + desk));
    call.send(HangUpAsked{});
    EXPECT_THAT(call.log, ElementsAre("hand over to " + desk));
}

TEST(Transfer, IsDroppedWhenTheProcessMustStopFirst) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through.", 1'000ms);
    call.send(to_desk());
    call.send(DrainAsked{});
    call.speak("r2", "Goodbye.", 500ms);
    call.pass(1'500ms);
    EXPECT_EQ(call.log.back(), "finish no_booking shutdown");
    EXPECT_EQ(call.count("hand over to " + desk), 0);
}

// ---- while the caller is away ----------------------------------------------------------------

TEST(Transfer, LeavesTheCallerInPeaceWhileTheyAreAway) {
    Call call({.duration_max = 60'000ms});
    put_through(call, {.hooks = {.silence = true}});
    const auto before = call.played_ms;
    call.pass(30min);
    EXPECT_THAT(call.log, IsEmpty()) << "no question, no filler, no goodbye, no reconnect";
    EXPECT_THAT(call.news, IsEmpty());
    EXPECT_EQ(call.played_ms, before);
    EXPECT_EQ(call.conversation_.state(), State::away);
}

TEST(Transfer, HasTheModelNeitherHearNorSay) {
    Call call;
    put_through(call);
    const auto audio = speech(20ms);
    call.send(CallerAudio{audio});
    EXPECT_EQ(call.appended, 0);
    // What the server made of the last words before it.
    call.send(CallerSpeechStarted{"u1"});
    call.send(CallerSpeechStopped{"u1"});
    call.send(ResponseStarted{"r1", false});
    call.send(AgentAudio{"r1", "a1", 0, audio});
    call.send(ResponseDone{"r1", ResponseDone::Status::failed, "server_error", false});
    call.send(ModelAsked{"Say something."});
    call.send(TextInjected{"A fact.", true});
    call.pass(60'000ms);
    EXPECT_THAT(call.log, ElementsAre("cancel", "inject A fact."));
    EXPECT_EQ(call.conversation_.state(), State::away);
}

TEST(Transfer, TellsAScriptThatSaysSomethingMeanwhileThatNobodyHears) {
    Call call;
    put_through(call);
    call.send(SayAsked{7, "Hello?"});
    ASSERT_EQ(call.told<SayDone>().size(), 1u);
    EXPECT_EQ(call.told<SayDone>()[0].how, SayDone::How::hung_up);
}

TEST(Transfer, AnsweredEndsTheCallWithoutHangingUp) {
    Call call;
    put_through(call);
    call.pass(90'000ms);
    call.send(TransferEnded{How::answered});
    EXPECT_THAT(call.log, ElementsAre("finish transferred transferred"));
    const auto ended = call.journal<journal::TransferEnded>();
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].how, "answered");
    EXPECT_EQ(ended[0].duration_ms, 90'000);
}

TEST(Transfer, KeepsTheOutcomeOfTheScript) {
    Call call;
    put_through(call);
    call.send(OutcomeSet{"handed_to_sales"});
    call.send(TransferEnded{How::answered});
    EXPECT_EQ(call.log.back(), "finish handed_to_sales transferred");
}

TEST(Transfer, EndsWhenTheCallerHangsUpWhileItRings) {
    Call call;
    put_through(call);
    call.pass(5'000ms);
    call.send(CallerGone{});
    EXPECT_THAT(call.log, ElementsAre("finish caller_hung_up caller_hung_up"));
    call.send(TransferEnded{How::no_answer});
    call.send(CallerAttached{});
    EXPECT_THAT(call.log, ElementsAre("finish caller_hung_up caller_hung_up"));
}

TEST(Transfer, EndsWhenTheCallerHangsUpBeforeTheLineIsHandedOver) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I am putting you through.", 1'000ms);
    call.send(to_desk());
    call.pass(500ms);
    call.send(CallerGone{});
    EXPECT_THAT(call.log, ElementsAre("finish caller_hung_up caller_hung_up"));
}

TEST(Transfer, LetsAToolFinishThatStillRunsWhenTheOtherOneAnswers) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "slow", "{}"});
    call.send(ResponseDone{"r1"});
    call.send(to_desk());
    call.pass(13'000ms);
    call.log.clear();
    call.send(TransferEnded{How::answered});
    EXPECT_THAT(call.log, IsEmpty());
    call.send(ToolFinished{"c1", true, "{}"});
    EXPECT_THAT(call.log, ElementsAre("finish transferred transferred"));
    EXPECT_EQ(call.journal<journal::ToolReturned>().size(), 1u);
}

TEST(Transfer, CountsAsDoneWhenTheProcessStopsMeanwhile) {
    Call call;
    put_through(call);
    call.send(DrainAsked{});
    EXPECT_THAT(call.log, ElementsAre("finish transferred transferred"));
}

TEST(Transfer, IsGivenUpWhenNobodyEverTellsOfIt) {
    Call call;
    put_through(call);
    call.pass(4h + 70s);
    EXPECT_THAT(call.log, IsEmpty());
    call.pass(20s);
    EXPECT_THAT(call.log, ElementsAre("finish transferred transfer_lost"));
}

// ---- nobody took the call -----------------------------------------------------------------------

TEST(Transfer, GoesOnWithTheAgentWhenNobodyTakesTheCall) {
    Call call;
    put_through(call);
    call.pass(20'000ms);
    call.send(TransferEnded{How::no_answer});
    EXPECT_THAT(call.log, IsEmpty()) << "the caller is not there yet";
    EXPECT_EQ(call.conversation_.state(), State::away);
    call.pass(700ms);
    call.send(CallerAttached{});
    EXPECT_THAT(call.log, ElementsAre(told_no_answer, "respond "));
    call.speak("r1", "Nobody answers. May I take a message?", 1'000ms);
    EXPECT_EQ(call.conversation_.state(), State::listening);
    EXPECT_EQ(call.journal<journal::AgentSaid>().back().heard,
              "Nobody answers. May I take a message?");
    call.log.clear();
    call.pass(10'100ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("still there"))) << "all rules hold again";
    const auto ended = call.journal<journal::TransferEnded>();
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].how, "no_answer");
    EXPECT_EQ(ended[0].duration_ms, 20'000);
}

TEST(Transfer, TellsTheScriptInsteadOfTheModelWhereItHasTheHook) {
    Call call;
    put_through(call, {.hooks = {.returned = true}});
    bring_back(call, How::busy);
    EXPECT_THAT(call.log, IsEmpty());
    ASSERT_EQ(call.told<CallerReturned>().size(), 1u);
    EXPECT_EQ(call.told<CallerReturned>()[0].how, How::busy);
    call.send(SayAsked{1, "They are busy."});
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("They are busy.")));
}

TEST(Transfer, KnowsTheWordsForEachWayToFail) {
    for (const auto& [how, words] : {std::pair{How::busy, "(busy)"},
                                     {How::declined, "(they would not take it)"},
                                     {How::failed, "(the connection failed)"}}) {
        Call call;
        put_through(call);
        bring_back(call, how);
        EXPECT_THAT(call.log, ElementsAre(HasSubstr(words), "respond "));
    }
}

TEST(Transfer, GoesOnOverTheSameLineWhenItCouldNotBeHandedOver) {
    Call call;
    put_through(call);
    call.send(TransferEnded{How::failed, "refused"});
    const auto audio = speech(20ms);
    for (int i = 0; i < 20; ++i) {
        call.send(CallerAudio{audio});
        call.pass(20ms);
    }
    EXPECT_THAT(call.log, IsEmpty()) << "that may have been under way";
    for (int i = 0; i < 20; ++i) {
        call.send(CallerAudio{audio});
        call.pass(20ms);
    }
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("the connection failed"), "respond "));
    EXPECT_GT(call.appended, 0) << "the model hears the caller again";
}

TEST(Transfer, GoesOnOverALineWithoutSoundAfterAWhile) {
    Call call;
    put_through(call);
    call.send(TransferEnded{How::failed, "this line cannot be handed over"});
    call.pass(5'300ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("the connection failed"), "respond "));
}

TEST(Transfer, EndsWhenTheCallerDoesNotComeBack) {
    Call call;
    put_through(call);
    call.send(TransferEnded{How::no_answer});
    call.pass(29'000ms);
    EXPECT_THAT(call.log, IsEmpty());
    call.pass(1'500ms);
    EXPECT_THAT(call.log, ElementsAre("finish caller_hung_up transfer_lost"));
}

TEST(Transfer, EndsOnceWhenItsEndIsToldTwice) {
    Call call;
    put_through(call);
    bring_back(call);
    call.send(TransferEnded{How::answered});
    call.send(CallerAttached{});
    EXPECT_THAT(call.log, ElementsAre(told_no_answer, "respond "));
    EXPECT_EQ(call.journal<journal::TransferEnded>().size(), 1u);
}

TEST(Transfer, DoesNotCountTheTimeElsewhereAgainstTheLimit) {
    Call call({.duration_max = 60'000ms, .silence_before_prompt = 1h});
    put_through(call);  // after 1.1 s
    call.pass(10min);
    bring_back(call);
    call.speak("r1", "Nobody answers.", 1'000ms);
    call.log.clear();
    call.pass(57'000ms);
    EXPECT_THAT(call.log, IsEmpty());
    call.pass(1'000ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("time for this call is up")));
}

TEST(Transfer, CanBeTriedAgain) {
    Call call;
    put_through(call);
    bring_back(call);
    call.speak("r1", "Nobody answers. I try another desk.", 1'000ms);
    call.send(TransferAsked{{"+15550100200", "", 20s}, ""});
    EXPECT_EQ(call.log.back(), "hand over to +15550100200");
    call.send(TransferEnded{How::answered});
    EXPECT_EQ(call.log.back(), "finish transferred transferred");
}

// ---- the model is lost meanwhile -----------------------------------------------------------------

TEST(Transfer, ConnectsAModelThatWasLostMeanwhileOnlyWhenTheCallerIsBack) {
    Call call;
    put_through(call);
    call.send(EngineLost{"idle"});
    call.pass(10min);
    EXPECT_THAT(call.log, IsEmpty());
    bring_back(call);
    EXPECT_THAT(call.log, ElementsAre("open"));
    ASSERT_FALSE(call.last_history.empty());
    EXPECT_EQ(call.last_history.front().text, "Hello there.");
    EXPECT_THAT(call.last_history.back().text, HasSubstr("Nobody took the call"));
    call.pass(300ms);
    call.send(EngineReady{});
    EXPECT_THAT(call.log, ElementsAre("open", "respond "));
    EXPECT_EQ(call.journal<journal::ProviderRestored>().at(0).gap_ms, 300)
        << "nobody has missed it before";
}

TEST(Transfer, ApologisesWhenTheModelWillNotComeBackEither) {
    Call call;
    put_through(call);
    call.send(EngineLost{"no money", false});
    EXPECT_THAT(call.log, IsEmpty());
    const auto before = call.played_ms;
    bring_back(call);
    call.pass(1'000ms);
    EXPECT_EQ(call.played_ms, before + 800);
    EXPECT_EQ(call.log.back(), "finish error provider_lost");
}

TEST(Transfer, HasAModelThatBecomesReadyMeanwhileSayNothing) {
    Call call;
    call.greet();
    call.send(EngineLost{"broken"});
    call.pass(300ms);
    call.send(to_desk());
    EXPECT_THAT(call.log, ElementsAre("open", "hand over to " + desk));
    call.send(EngineReady{});
    EXPECT_THAT(call.log, ElementsAre("open", "hand over to " + desk));
    bring_back(call);
    EXPECT_EQ(call.log.back(), "respond ");
}

TEST(Transfer, EndsACallThatHasCostTooMuchWhenTheCallerIsBack) {
    auto spoken = std::make_shared<Phrases>(*phrases());
    spoken->over_budget = speech(500ms);
    Call call({}, spoken);
    put_through(call);
    call.send(BudgetSpent{"call_usd"});
    EXPECT_THAT(call.log, IsEmpty());
    bring_back(call);
    call.pass(600ms);
    EXPECT_EQ(call.log.back(), "finish cost_limit cost_limit");
}

// ---- hold -------------------------------------------------------------------------------------

// Greeted, and on hold.
void hold(Call& call, AgentPrepared rules = {}) {
    call.greet(std::move(rules));
    call.send(HoldAsked{true});
    ASSERT_EQ(call.conversation_.state(), State::on_hold);
    call.played.clear();
}

TEST(Hold, PlaysMusicAgainAndAgainOnceTheAgentHasFinished) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "One moment.", 1'000ms);
    call.send(HoldAsked{true});
    call.pass(800ms);
    EXPECT_NE(call.conversation_.state(), State::on_hold);
    call.pass(300ms);
    EXPECT_EQ(call.conversation_.state(), State::on_hold);
    call.played.clear();
    call.pass(7'000ms);
    ASSERT_GE(call.played.size(), 7'000u * 8);
    // Each second has a sound of its own; the fourth is the first one again.
    const auto first = std::find(call.played.begin(), call.played.end(), 0x61);
    ASSERT_NE(first, call.played.end());
    const auto at = [&](int seconds) { return *(first + 4'000 + seconds * 8'000); };
    EXPECT_EQ(at(0), 0x61);
    EXPECT_EQ(at(1), 0x62);
    EXPECT_EQ(at(2), 0x60);
    EXPECT_EQ(at(3), 0x61);
    EXPECT_EQ(call.journal<journal::HoldStarted>().size(), 1u);
}

TEST(Hold, DisturbsNobody) {
    Call call;
    hold(call, {.hooks = {.silence = true}});
    const auto audio = speech(20ms);
    call.send(CallerSpeechStarted{"u1"});  // from before
    call.send(CallerAudio{audio});
    call.pass(60'000ms);
    EXPECT_EQ(call.appended, 0);
    EXPECT_THAT(call.log, IsEmpty());
    EXPECT_THAT(call.news, IsEmpty());
    EXPECT_GE(call.played.size(), 59'000u * 8);
}

TEST(Hold, EndsAtOnceAndTellsTheModelHowLongItTook) {
    Call call;
    hold(call);
    call.pass(42'000ms);
    call.send(HoldAsked{false});
    EXPECT_THAT(call.log, ElementsAre("clear",
                                      "inject The caller was on hold for 42 seconds and hears you "
                                      "again."));
    EXPECT_EQ(call.journal<journal::HoldEnded>().at(0).duration_ms, 42'000);
    EXPECT_EQ(call.conversation_.state(), State::listening);
    const auto audio = speech(20ms);
    call.send(CallerAudio{audio});
    EXPECT_EQ(call.appended, 160);
    call.log.clear();
    call.pass(10'100ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("still there")));
}

TEST(Hold, EndsWithTheFirstSoundOfTheAgent) {
    Call call;
    hold(call);
    call.pass(5'000ms);
    call.send(SayAsked{1, "I have found it."});
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("I have found it.")));
    EXPECT_EQ(call.conversation_.state(), State::on_hold) << "the model still thinks";
    call.speak("r1", "I have found it.", 1'000ms);
    EXPECT_EQ(call.count("clear"), 1);
    EXPECT_EQ(call.conversation_.state(), State::listening);
    EXPECT_EQ(call.told<SayDone>().at(0).how, SayDone::How::heard);
}

TEST(Hold, LastsWhileOneToolCallsForTheNext) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.send(ResponseDone{"r1"});
    call.send(HoldAsked{true});
    ASSERT_EQ(call.conversation_.state(), State::on_hold);
    call.send(ToolFinished{"c1", true, "{}"});
    call.send(ResponseStarted{"r2"});
    call.send(ToolCalled{"r2", "c2", "look_again", "{}"});
    call.send(ResponseDone{"r2"});
    call.pass(3'000ms);
    EXPECT_EQ(call.conversation_.state(), State::on_hold);
    call.send(ToolFinished{"c2", true, "{}"});
    call.speak("r3", "There it is.", 500ms);
    EXPECT_EQ(call.conversation_.state(), State::listening);
}

TEST(Hold, ThatHasNotBegunIsForgottenWhenTheAgentAnswersInstead) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "One moment.", 1'000ms);
    call.send(HoldAsked{true});
    call.pass(200ms);
    call.speak("r2", "No, I know it already.", 500ms);
    call.pass(2'000ms);
    EXPECT_EQ(call.conversation_.state(), State::listening);
    EXPECT_THAT(call.journal<journal::HoldStarted>(), IsEmpty());
}

TEST(Hold, ComesAfterAnAnswerThatWasUnderWay) {
    Call call;
    call.greet();
    call.send(ModelAsked{"Say that you look."});
    call.send(HoldAsked{true});
    call.answer("r1", "a1", "I look.", 1'000ms);
    call.pass(500ms);
    EXPECT_EQ(call.count("clear"), 0);
    call.pass(600ms);
    EXPECT_EQ(call.conversation_.state(), State::on_hold);
}

TEST(Hold, IsOverAfterItsLongestTime) {
    Call call({.duration_max = 1h, .hold_max = 60'000ms});
    hold(call);
    call.pass(59'900ms);
    EXPECT_THAT(call.log, IsEmpty());
    call.pass(200ms);
    EXPECT_THAT(call.log, ElementsAre("clear", HasSubstr("on hold for 60 seconds"),
                                      HasSubstr("Nobody can be on hold for longer"), "respond "));
}

TEST(Hold, CountsAgainstTheTimeOfTheCall) {
    Call call({.duration_max = 60'000ms});
    hold(call);
    call.pass(59'000ms);
    EXPECT_EQ(call.log.front(), "clear");
    EXPECT_THAT(call.log.back(), HasSubstr("time for this call is up"));
    call.speak("r1", "Our time is up, goodbye.", 1'000ms);
    EXPECT_EQ(call.log.back(), "finish time_limit time_limit");
}

TEST(Hold, EndsWhenTheCallerHangsUp) {
    Call call;
    hold(call);
    call.pass(30'000ms);
    call.send(CallerGone{});
    EXPECT_THAT(call.log, ElementsAre("finish caller_hung_up caller_hung_up"));
    EXPECT_EQ(call.journal<journal::HoldEnded>().at(0).duration_ms, 30'000);
}

TEST(Hold, EndsForATransferWhoseWordsAreHeard) {
    Call call;
    hold(call);
    call.pass(5'000ms);
    call.send(to_desk("I am putting you through."));
    EXPECT_EQ(call.log.front(), "clear");
    call.speak("r1", "I am putting you through.", 1'000ms);
    EXPECT_EQ(call.log.back(), "hand over to " + desk);
}

TEST(Hold, IsNotBegunWhileTheCallEndsOrTwice) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "Goodbye!", 1'000ms);
    call.send(HangUpAsked{});
    call.send(HoldAsked{true});
    call.pass(1'100ms);
    EXPECT_EQ(call.log.back(), "finish no_booking agent_hung_up");

    Call other;
    hold(other);
    other.send(HoldAsked{true});
    other.pass(1'000ms);
    other.send(HoldAsked{false});
    other.send(HoldAsked{false});
    EXPECT_EQ(other.journal<journal::HoldStarted>().size(), 1u);
    EXPECT_EQ(other.journal<journal::HoldEnded>().size(), 1u);
}

TEST(Hold, GoesOnWhileTheModelIsConnectedAnew) {
    Call call;
    hold(call);
    call.send(EngineLost{"broken"});
    call.pass(3'000ms);
    EXPECT_THAT(call.log, ElementsAre("open"));
    call.send(EngineReady{});
    call.pass(1'000ms);
    EXPECT_THAT(call.log, ElementsAre("open")) << "nobody has missed it";
    EXPECT_EQ(call.conversation_.state(), State::on_hold);
}

TEST(Hold, NoticesAModelThatOwesAnAnswerInSpiteOfTheMusic) {
    Call call({.unanswered_after = 4'000ms});
    hold(call);
    call.send(ModelAsked{"Tell what you know."});
    call.pass(4'300ms);
    EXPECT_EQ(call.journal<journal::ProviderLost>().at(0).reason, "stalled");
}

TEST(Hold, WithoutMusicIsSilence) {
    auto spoken = std::make_shared<Phrases>(*phrases());
    spoken->hold.clear();
    Call call({}, spoken);
    hold(call);
    call.pass(30'000ms);
    EXPECT_THAT(call.played, IsEmpty());
    EXPECT_THAT(call.log, IsEmpty()) << "no question whether the caller is still there";
}

// ---- tones ------------------------------------------------------------------------------------

TEST(Digits, AreSentAfterWhatIsBeingSaid) {
    Call call;
    call.greet();
    call.answer("r1", "a1", "I press one.", 1'000ms);
    call.played.clear();
    call.send(DigitsAsked{"1w2#"});
    call.pass(1'200ms);
    call.pass(1'500ms);
    const auto tones = audio::dtmf_tones("1w2#");
    ASSERT_GE(call.played.size(), tones.size());
    EXPECT_TRUE(std::equal(tones.rbegin(), tones.rend(), call.played.rbegin()));
    ASSERT_EQ(call.journal<journal::DigitsSent>().size(), 1u);
    EXPECT_EQ(call.journal<journal::DigitsSent>()[0].count, 3) << "a pause is no digit";
}

TEST(Digits, ComeBeforeTheAnswerToTheToolThatSendsThem) {
    Call call;
    call.greet();
    call.played.clear();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(400ms)});
    call.send(AgentItemDone{"r1", "a1", "I press one."});
    call.send(ToolCalled{"r1", "c1", "press", "{}"});
    call.send(DigitsAsked{"1"});
    call.send(ToolFinished{"c1", true, "{}"});
    call.send(ResponseDone{"r1"});
    call.speak("r2", "I have pressed one.", 400ms);
    call.pass(1'000ms);
    std::vector<std::uint8_t> expected = speech(400ms);
    const auto tones = audio::dtmf_tones("1");
    expected.insert(expected.end(), tones.begin(), tones.end());
    const auto answer = speech(400ms);
    expected.insert(expected.end(), answer.begin(), answer.end());
    EXPECT_EQ(call.played, expected);
}

TEST(Digits, AreNotCutOffByTheMachineThatTalks) {
    Call call;
    call.greet();
    call.played.clear();
    call.send(DigitsAsked{"12345"});
    call.pass(200ms);
    call.caller_says("u1", "Press one for sales, two for service.");
    call.pass(1'000ms);
    EXPECT_EQ(call.count("clear"), 0);
    EXPECT_EQ(call.played, audio::dtmf_tones("12345"));
    call.answer("r1", "a1", "Sales, please.", 2'000ms);
    call.pass(300ms);
    call.send(CallerSpeechStarted{"u2"});
    EXPECT_EQ(call.count("clear"), 1) << "afterwards one may interrupt again";
}

TEST(Digits, AreSentOneAfterTheOther) {
    Call call;
    call.greet();
    call.played.clear();
    call.send(DigitsAsked{"1"});
    call.send(DigitsAsked{"2"});
    call.pass(1'000ms);
    EXPECT_EQ(call.played, audio::dtmf_tones("12"));
}

TEST(Digits, AreSentBeforeTheLineIsDroppedOrHandedOver) {
    Call call;
    call.greet();
    call.played.clear();
    call.send(DigitsAsked{"99"});
    call.send(to_desk());
    call.pass(1'000ms);
    EXPECT_EQ(call.played, audio::dtmf_tones("99"));
    EXPECT_EQ(call.log.back(), "hand over to " + desk);
    call.send(DigitsAsked{"1"});
    EXPECT_THAT(problems(call), ElementsAre("digits_dropped"));

    Call other;
    other.greet();
    other.played.clear();
    other.send(DigitsAsked{"99"});
    other.send(HangUpAsked{});
    other.pass(1'000ms);
    EXPECT_EQ(other.played, audio::dtmf_tones("99"));
    EXPECT_EQ(other.log.back(), "finish no_booking agent_hung_up");
}

TEST(Digits, AreNotQueuedWithoutEnd) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(AgentAudio{"r1", "a1", 0, speech(1'000ms)});
    for (int i = 0; i < 5; ++i) call.send(DigitsAsked{std::string(64, '1')});
    EXPECT_THAT(call.journal<journal::DigitsSent>(), IsEmpty()) << "the sentence goes on";
    call.send(AgentItemDone{"r1", "a1", "I press one."});
    EXPECT_EQ(call.journal<journal::DigitsSent>().at(0).count, 128);
    call.send(DigitsAsked{"1"});
    EXPECT_THAT(problems(call), testing::SizeIs(4)) << "those that sound count, too";
    EXPECT_THAT(problems(call), testing::Each("digits_dropped"));
}

TEST(Digits, EndAHold) {
    Call call;
    hold(call);
    call.pass(1'000ms);
    call.played.clear();
    call.send(DigitsAsked{"5"});
    call.pass(500ms);
    EXPECT_EQ(call.log.front(), "clear");
    EXPECT_EQ(call.played, audio::dtmf_tones("5"));
}

// ---- recording and messages ---------------------------------------------------------------------

TEST(RecordingOfACall, IsBegunAndEndedOnce) {
    Call call;
    call.greet();
    call.send(RecordingAsked{true, "This call is recorded."});
    call.send(RecordingAsked{true, "This call is recorded."});
    call.send(RecordingAsked{false});
    call.send(RecordingAsked{false});
    EXPECT_THAT(call.log, ElementsAre("record", "stop recording"));
    ASSERT_EQ(call.journal<journal::RecordingStarted>().size(), 1u);
    EXPECT_EQ(call.journal<journal::RecordingStarted>()[0].notice, "This call is recorded.");
    EXPECT_EQ(call.journal<journal::RecordingStopped>().size(), 1u);
}

TEST(RecordingOfACall, IsNotBegunForACallerWhoHasGone) {
    Call call;
    call.greet();
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "slow", "{}"});
    call.send(CallerGone{});
    call.send(RecordingAsked{true, "This call is recorded."});
    EXPECT_EQ(call.count("record"), 0);
    EXPECT_THAT(call.journal<journal::RecordingStarted>(), IsEmpty());
}

TEST(Messages, AreNotedWhetherTheyWentOutOrNot) {
    Call call;
    call.greet();
    call.send(MessageTold{"+15550100002", true, "SM1"});
    call.send(MessageTold{"+15550100002", false, "unreachable"});
    const auto sent = call.journal<journal::MessageSent>();
    ASSERT_EQ(sent.size(), 2u);
    EXPECT_EQ(sent[0].detail, "SM1");
    EXPECT_FALSE(sent[1].ok);
    EXPECT_THAT(call.log, IsEmpty());
}

}  // namespace
}  // namespace parley::call
