// What the agent's script asks of a call, and what it is told.
#include "stage.hpp"

namespace parley::call {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

AgentPrepared with(Hooks hooks) { return {.greeting = "Hello there.", .hooks = hooks}; }

TEST(AskModel, SpeaksUnderTheInstructionsOfTheScript) {
    Call call;
    call.greet();
    call.send(ModelAsked{"Ask for the date of birth."});
    EXPECT_THAT(call.log, ElementsAre("respond Ask for the date of birth."));
    call.speak("r1", "When were you born?", 500ms);
    EXPECT_THAT(call.told<SayDone>(), IsEmpty()) << "nobody waits for it";
}

TEST(NoteTaken, GoesToTheJournal) {
    Call call;
    call.greet();
    call.send(NoteTaken{"wants a call back", {{"at", "noon"}}});
    const auto notes = call.journal<journal::Note>();
    ASSERT_EQ(notes.size(), 1u);
    EXPECT_EQ(notes[0].text, "wants a call back");
}

TEST(AgentPreparedAgain, ChangesTheRulesAndNeitherGreetsNorConnectsAgain) {
    Call call;
    call.greet();
    call.send(with({.caller_said = true}));
    EXPECT_THAT(call.log, IsEmpty());
    call.caller_says("u1", "Hello?");
    EXPECT_EQ(call.told<CallerWasHeard>().size(), 1u) << "the newer script has the hook";
}

// ---- hooks ------------------------------------------------------------------------------------

TEST(Hooks, CostNothingWhenTheAgentHasNone) {
    Call call;
    call.greet();
    call.caller_says("u1", "Hello?");
    call.answer("r1", "a1", "Hi there, how are you?", 2'000ms);
    call.pass(500ms);
    call.send(CallerSpeechStarted{"u2"});
    call.send(DtmfPressed{'1'});
    call.pass(30'000ms);
    EXPECT_THAT(call.news, IsEmpty());
}

TEST(Hooks, TellWhatWasSaidAndHeard) {
    Call call;
    call.greet(with({.caller_said = true, .agent_said = true, .interrupted = true}));
    EXPECT_EQ(call.told<AgentWasHeard>().at(0).heard, "Hello there.");
    call.caller_says("u1", "Any time on Tuesday?");
    EXPECT_EQ(call.told<CallerWasHeard>().at(0).text, "Any time on Tuesday?");
    call.answer("r1", "a1", "We have ten and eleven.", 2'000ms);
    call.pass(1'000ms);
    call.send(CallerSpeechStarted{"u2"});
    ASSERT_EQ(call.told<AgentWasCutOff>().size(), 1u);
    EXPECT_EQ(call.told<AgentWasCutOff>()[0].heard, "We have ten");
    EXPECT_EQ(call.told<AgentWasCutOff>()[0].unheard, "and eleven.");
    EXPECT_EQ(call.told<AgentWasHeard>().at(1).unheard, "and eleven.");
}

TEST(Hooks, DoNotCallAHangUpAnInterruption) {
    Call call;
    call.greet(with({.interrupted = true}));
    call.answer("r1", "a1", "We have ten and eleven.", 2'000ms);
    call.pass(500ms);
    call.send(CallerGone{});
    EXPECT_THAT(call.told<AgentWasCutOff>(), IsEmpty());
}

TEST(Hooks, KeepAKeyFromTheModelWhenTheScriptHandlesIt) {
    Call call;
    call.greet(with({.dtmf = true}));
    call.send(DtmfPressed{'4'});
    call.send(DtmfPressed{'2'});
    const auto keys = call.told<KeyPressed>();
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[1].digit, '2');
    call.send(KeyAnswered{keys[0].key_id, true});
    call.pass(3'000ms);
    EXPECT_THAT(call.log, IsEmpty()) << "the script has not answered for the other key yet";
    call.send(KeyAnswered{keys[1].key_id, false});
    ASSERT_FALSE(call.log.empty());
    EXPECT_EQ(call.log[0], "inject The caller pressed these keys: 2");
}

TEST(Hooks, SayNothingToTheModelOfKeysThatAreAllHandled) {
    Call call;
    call.greet(with({.dtmf = true}));
    call.send(DtmfPressed{'#'});
    call.send(KeyAnswered{call.told<KeyPressed>().at(0).key_id, true});
    call.pass(5'000ms);
    EXPECT_THAT(call.log, IsEmpty());
}

TEST(Hooks, ReplaceTheQuestionToASilentCallerButNotTheEnd) {
    Call call;
    call.greet(with({.silence = true}));
    call.pass(10'000ms);
    ASSERT_EQ(call.told<CallerIsSilent>().size(), 1u);
    EXPECT_EQ(call.told<CallerIsSilent>()[0].lasted, 10s);
    EXPECT_THAT(call.log, IsEmpty());
    call.pass(10'000ms);
    ASSERT_EQ(call.told<CallerIsSilent>().size(), 2u);
    EXPECT_EQ(call.told<CallerIsSilent>()[1].lasted, 20s);
    call.pass(10'000ms);
    EXPECT_EQ(call.told<CallerIsSilent>().size(), 2u);
    EXPECT_THAT(call.log.back(), HasSubstr("Goodbye"));
    call.speak("r1", "Goodbye.", 500ms);
    EXPECT_EQ(call.log.back(), "finish no_booking caller_silent");
}

TEST(Hooks, CountSilenceAnewAfterTheScriptHasSpoken) {
    Call call;
    call.greet(with({.silence = true}));
    call.pass(10'000ms);
    call.send(SayAsked{1, "Take your time."});
    call.speak("r1", "Take your time.", 1'000ms);
    call.pass(10'050ms);
    ASSERT_EQ(call.told<CallerIsSilent>().size(), 2u);
    EXPECT_EQ(call.told<CallerIsSilent>()[1].lasted, 10s);
}

// ---- turn-taking ------------------------------------------------------------------------------

TEST(TurnTaking, AsksASilentCallerWhenTheAgentWantsIt) {
    Call call;
    call.greet({.silence_before_prompt = 3'000ms});
    call.pass(3'000ms);
    EXPECT_THAT(call.log, ElementsAre(HasSubstr("still there")));
}

TEST(TurnTaking, LetsTheAgentFinishWhenInterruptionsAreIgnored) {
    Call call;
    call.greet({.interruptions = AgentPrepared::Interruptions::ignored});
    call.answer("r1", "a1", "This call is recorded.", 2'000ms);
    call.pass(500ms);
    call.caller_says("u1", "Yes yes.");
    EXPECT_EQ(call.count("clear"), 0);
    call.pass(1'500ms);
    EXPECT_EQ(call.journal<journal::AgentSaid>().at(1).unheard, "");
}

TEST(Ending, TellsTheAgentWhatTheCallCameTo) {
    Call call;
    call.greet();
    call.caller_says("u1", "Hello?");
    call.send(ResponseStarted{"r1"});
    call.send(ToolCalled{"r1", "c1", "look", "{}"});
    call.send(ToolFinished{"c1", true, "{}"});
    call.send(ResponseDone{
        "r1", ResponseDone::Status::completed, "", false, {}, Usage{.cost_usd = 0.25}});
    call.send(CallerGone{});
    EXPECT_EQ(call.totals.turns, 2);
    EXPECT_EQ(call.totals.tool_calls, 1);
    EXPECT_EQ(call.totals.cost_usd, 0.25);
    EXPECT_EQ(call.totals.duration, 1'900ms);
}

}  // namespace
}  // namespace parley::call
