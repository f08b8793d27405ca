#include <parley/sim/script_player.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

const Day friday{std::chrono::year{2026}, std::chrono::month{11}, std::chrono::day{20}};

constexpr std::string_view booking = R"(
fallback_says: Pardon?
turns:
  - heard: Tuesday please
    says: Let me see.
    calls:
      - tool: check_slots
        arguments: {date: "{date: next tuesday}"}
    remember: {slot: "{result.slots[0]}"}
    then:
      - when: result.slots
        says: "I have {list: result.slots}."
      - says: Nothing is free.
  - heard: The first one
    says: "{slot} it is."
)";

class Script : public testing::Test {
 protected:
    ModelScript script = ModelScript::parse(booking, "test.yaml").value();
    ScriptPlayer player{script, friday};

    Answer turn() {
        player.caller_spoke();
        return player.answer_caller();
    }
};

TEST_F(Script, GreetsWithTheWordsTheClientQuotes) {
    EXPECT_EQ(player.answer_request("Say exactly: \"Good day, this is Sarah.\" Nothing else.").says,
              "Good day, this is Sarah.");
}

TEST_F(Script, GreetsByItselfWhenNothingIsQuoted) {
    EXPECT_EQ(player.answer_request("Greet the caller").says, "Hello, how can I help you?");
}

TEST_F(Script, TurnsComeInOrderAndThenTheFallback) {
    EXPECT_EQ(turn().says, "Let me see.");
    player.calls_made({"call_1"});
    player.tool_result("call_1", R"({"slots":["9:00 AM"]})");
    EXPECT_EQ(player.answer_request("").says, "I have 9:00 AM.");
    EXPECT_EQ(player.caller_spoke(), "The first one");
    EXPECT_EQ(player.answer_caller().says, "9:00 AM it is.");
    EXPECT_EQ(turn().says, "Pardon?");
    EXPECT_THAT(player.problems(), testing::IsEmpty());
}

TEST_F(Script, CallsToolsWithFilledArguments) {
    const Answer answer = turn();
    ASSERT_EQ(answer.calls.size(), 1u);
    EXPECT_EQ(answer.calls[0].tool, "check_slots");
    EXPECT_EQ(json::serialize(answer.calls[0].arguments), R"({"date":"2026-11-24"})");
}

TEST_F(Script, TakesTheAlternativeThatApplies) {
    turn();
    player.calls_made({"call_1"});
    player.tool_result("call_1", R"({"slots":[]})");
    EXPECT_EQ(player.answer_request("").says, "Nothing is free.");
}

TEST_F(Script, AnAnswerThatWasNotHeardIsGivenAgain) {
    EXPECT_EQ(turn().says, "Let me see.");
    player.put_back();
    EXPECT_EQ(player.caller_spoke(), "") << "the words have been transcribed already";
    EXPECT_EQ(player.answer_caller().says, "Let me see.");
}

TEST_F(Script, AnswersTheCallerWhileAToolRunsAndTheResultOnceLater) {
    turn();
    player.calls_made({"call_1"});
    player.caller_spoke();
    EXPECT_EQ(player.answer_caller().says, "Pardon?") << "the slot is not known yet";
    EXPECT_EQ(player.problems().size(), 1u);
    player.tool_result("call_1", R"({"slots":["9:00 AM"]})");
    EXPECT_EQ(player.answer_request("").says, "I have 9:00 AM.");
    EXPECT_EQ(player.answer_request("").says, "") << "nothing new has happened";
}

TEST_F(Script, PromptsInBetweenUseUpNoTurn) {
    player.answer_request("Greet");
    EXPECT_EQ(player.answer_request("Ask \"Are you still there?\"").says, "Are you still there?");
    EXPECT_EQ(player.answer_request("wrap up").says, "Pardon?");
    EXPECT_EQ(turn().says, "Let me see.");
}

TEST_F(Script, AReplayedConversationSaysWhereToGoOn) {
    player.offer({{"slot", "9:00 AM"}});
    player.client_wrote("assistant", "Good day");
    player.client_wrote("user", "Tuesday please");
    player.client_wrote("assistant", "I have 9:00");
    EXPECT_EQ(turn().says, "9:00 AM it is.");
}

TEST_F(Script, AReplayThatEndsWithTheCallerIsAnswered) {
    player.client_wrote("user", "Tuesday please");
    EXPECT_EQ(player.answer_request("").says, "Let me see.");
}

TEST_F(Script, AnswersATextOfTheClientWhenAskedTo) {
    script.told = {{"Nobody took", "Nobody is there."}};
    player.answer_request("Say: Hello.");
    player.client_wrote("system", "Nobody took the call (busy).");
    EXPECT_EQ(player.answer_request("").says, "Nobody is there.");
    EXPECT_EQ(player.answer_request("").says, "") << "once";
    player.client_wrote("system", "The caller pressed 1.");
    EXPECT_EQ(player.answer_request("").says, "");
}

TEST(ModelScript, NamesFileLineAndRemedy) {
    const auto wrong =
        ModelScript::parse("greeting: none\nturns:\n  - heard: x\n    sys: y\n", "m.yaml");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().text(), "m.yaml:4: turn: unknown key \"sys\"; did you mean \"says\"?");
}

TEST(ModelScript, RefusesBrokenYamlAndWrongTypes) {
    for (const char* text : {"turns: [", "turns: {}", "speed: fast", "speed: -1", "delta_ms: 0",
                             "faults: [{kind: explode}]", "[]", "turns: [{then: x}]",
                             "turns: [{calls: [{arguments: {}}]}]", "&a [*a]"}) {
        EXPECT_FALSE(ModelScript::parse(text, "m.yaml").has_value()) << text;
    }
}

TEST(ModelScript, ReadsFaultsOfTheCommandLine) {
    const auto fault = parse_fault("drop:session=2,turn=1,after_ms=400").value();
    EXPECT_EQ(fault.kind, InjectedFault::Kind::drop);
    EXPECT_EQ(fault.session, 2);
    EXPECT_EQ(fault.turn, 1);
    EXPECT_EQ(fault.after, milliseconds(400));
    EXPECT_FALSE(parse_fault("explode").has_value());
    EXPECT_FALSE(parse_fault("drop:session=x").has_value());
    EXPECT_FALSE(parse_fault("drop:when=1").has_value());
}

TEST(ModelScript, TheDemoLoads) {
    const auto demo = ModelScript::load(PARLEY_SOURCE_DIR "/examples/demo/model.yaml");
    ASSERT_TRUE(demo.has_value()) << demo.error().text();
    EXPECT_EQ(demo->turns.size(), 3u);
}

}  // namespace
}  // namespace parley::sim
