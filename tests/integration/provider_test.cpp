// The model's side fails in mid-call: what the caller hears, and what the journal says of it.
#include "stage.hpp"

namespace parley::integration {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const std::string apology = "I am sorry, we have a technical problem. Please call again later.";

// The conversation as it was written down for a new connection: "user: ...", "assistant: ...".
std::vector<std::string> replayed(const sim::SessionRecord& session) {
    std::vector<std::string> turns;
    for (const auto* event : session.of_type("conversation.item.create")) {
        const auto* item = json_read::object(event->event, "item");
        const auto* content = item == nullptr ? nullptr : json_read::array(*item, "content");
        if (content == nullptr) continue;
        for (const auto& part : *content)
            turns.push_back(text(*item, "role") + ": " + text(part.get_object(), "text"));
    }
    return turns;
}

std::vector<std::string> heard_sentences(Stage& stage, const std::string& call_sid) {
    std::vector<std::string> heard;
    for (const auto& said : stage.entries(call_sid, "agent_said"))
        heard.push_back(text(said, "heard"));
    return heard;
}

TEST(AProviderDroppedInMidResponse, IsReplacedAndTheCallGoesOnWhereItWas) {
    // Not all at once: what has been sent before the connection breaks must have arrived.
    Stage stage(R"(
speed: 8
think_ms: 100
transcription_delay_ms: 0
greeting: "Hello."
turns:
  - {heard: "A doctor, please.", says: "We have three doctors here, and all of them are very good. Which day suits you?"}
  - {heard: "On Tuesday.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults: [{kind: drop, session: 1, turn: 1, after_ms: 1000}]
)");
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 300}
  - say: "A doctor, please."
  - wait_for_agent: {silent_for_ms: 1200}
  - say: "On Tuesday."
  - wait_for_hang_up
)");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());

    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(row.outcome, "no_booking");
    EXPECT_EQ(stage.entries(call->sid(), "provider_lost").size(), 1U);
    const auto restored = stage.entries(call->sid(), "provider_restored");
    ASSERT_EQ(restored.size(), 1U);
    EXPECT_FALSE(restored[0].at("planned").get_bool());
    EXPECT_LT(number(restored[0], "gap_ms"), 3'000);

    const auto sessions = stage.model().sessions();
    ASSERT_EQ(sessions.size(), 2U);
    const auto history = replayed(sessions[1]);
    ASSERT_GE(history.size(), 3U);
    EXPECT_EQ(history[0], "assistant: Hello.");
    EXPECT_EQ(history[1], "user: A doctor, please.");
    EXPECT_THAT(history[2], StartsWith("assistant: We have"));
    EXPECT_EQ(sessions[1].utterances, 1) << "the second connection hears the caller";
    EXPECT_THAT(violations(sessions[0]), IsEmpty());
    EXPECT_THAT(violations(sessions[1]), IsEmpty());
    EXPECT_THAT(heard_sentences(stage, call->sid()), Contains("Tuesday it is. Goodbye."));
}

TEST(AProviderThatStallsInMidResponse, IsReplacedAfterTheStallLimitWithAWordToTheCaller) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "A doctor, please.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults: [{kind: stall, session: 1, turn: 1}]
)");
    stage.wait_for_phrases();
    // The caller is told to hold on, then that the line broke up, and says it again.
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 300}
  - say: "A doctor, please."
  - wait_for_agent: {silent_for_ms: 300}
  - wait_for_agent: {silent_for_ms: 900}
  - say: "A doctor, please."
  - wait_for_hang_up
)");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_of_phrase(report.heard, "One moment, please."), 0.8);
    ASSERT_GE(report.agent.size(), 2U);
    EXPECT_LT(report.agent[1].begin - report.caller[0].end, milliseconds(6'000))
        << "nobody waits longer in silence";

    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(row.outcome, "no_booking");
    const auto lost = stage.entries(call->sid(), "provider_lost");
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_EQ(text(lost[0], "reason"), "stalled");
    EXPECT_EQ(stage.entries(call->sid(), "provider_restored").size(), 1U);
    EXPECT_EQ(stage.model().connections(), 2);
    EXPECT_THAT(heard_sentences(stage, call->sid()), Contains("Tuesday it is. Goodbye."));
}

TEST(ASessionNearItsEnd, IsRenewedInAQuietMomentBeforeItExpires) {
    // Told to live for some four seconds, the session is renewed at about half of that.
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "On Tuesday.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults: [{kind: expire, session: 1, after_ms: 4000}]
)");
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 3800}}, {say: On Tuesday.}, wait_for_hang_up]");
    EXPECT_EQ(call->report().failure, "");

    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    EXPECT_THAT(stage.entries(call->sid(), "provider_lost"), IsEmpty());
    const auto restored = stage.entries(call->sid(), "provider_restored");
    ASSERT_EQ(restored.size(), 1U);
    EXPECT_TRUE(restored[0].at("planned").get_bool());
    const auto sessions = stage.model().sessions();
    ASSERT_EQ(sessions.size(), 2U);
    EXPECT_EQ(sessions[0].close_code, 1000) << "the old connection is closed by us, in order";
    EXPECT_THAT(replayed(sessions[1]), testing::ElementsAre("assistant: Hello."));
    EXPECT_THAT(heard_sentences(stage, call->sid()),
                testing::ElementsAre("Hello.", "Tuesday it is. Goodbye."));
}

TEST(ASessionThatExpiresInMidSentence, IsReplacedWithoutTheCallerNoticing) {
    const std::string sentence =
        "Hello, this is the practice of doctor Miller and doctor Smith, and we are very glad that you call today.";
    Stage stage(fast + "greeting: \"" + sentence + R"("
turns:
  - {heard: "On Tuesday.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults: [{kind: expire, session: 1, after_ms: 2000}]
)");
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 600}}, {say: On Tuesday.}, wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, sentence), 0.8);

    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(row.outcome, "no_booking");
    const auto lost = stage.entries(call->sid(), "provider_lost");
    ASSERT_EQ(lost.size(), 1U);
    EXPECT_THAT(text(lost[0], "reason"), HasSubstr("session_expired"));
    EXPECT_EQ(stage.entries(call->sid(), "provider_restored").size(), 1U);
    EXPECT_THAT(heard_sentences(stage, call->sid()),
                testing::ElementsAre(sentence, "Tuesday it is. Goodbye."));
}

TEST(AProviderThatCannotBeReached, LeavesTheCallerWithAnApologyAndNotInSilence) {
    Stage stage(fast);
    stage.wait_for_phrases();
    stage.model().stop_listening();
    const auto call = stage.dial("steps: [wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_of_phrase(report.heard, apology), 0.8);
    EXPECT_EQ(report.unheard, milliseconds(0));
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.outcome, "error");
    EXPECT_EQ(row.reason, "provider_lost");

    ASSERT_TRUE(stage.model().listen_again());
    const auto next = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 200}}, hang_up]");
    EXPECT_EQ(next->report().failure, "");
    EXPECT_EQ(stage.ended(next->sid()).outcome, "caller_hung_up");
}

TEST(AWrongKey, IsTriedOnceAndTheCallerHearsAnApology) {
    StageOptions options;
    options.model.api_key = "sk-another-one";
    Stage stage(fast, std::move(options));
    stage.wait_for_phrases();
    const auto call = stage.dial("steps: [wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_of_phrase(report.heard, apology), 0.8);
    EXPECT_THAT(report.said, IsEmpty()) << "one apology is enough";
    EXPECT_EQ(stage.ended(call->sid()).outcome, "error");
    EXPECT_EQ(stage.model().connections(), 1) << "the next attempt would be refused just the same";
    for (const auto& session : stage.model().sessions())
        EXPECT_EQ(session.refused, "invalid_api_key");
    EXPECT_FALSE(stage.service().has_logged(openai_key));
}

TEST(WithoutASpeechProgram, TheCarriersVoiceApologises) {
    StageOptions options;
    options.environment["PATH"] = "/nonexistent";
    options.model.api_key = "sk-another-one";
    Stage stage(fast, std::move(options));
    const auto call = stage.dial("steps: [wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.said, Contains(apology));
    EXPECT_EQ(stage.ended(call->sid()).outcome, "error");
    EXPECT_TRUE(eventually([&] { return stage.service().has_logged("phrases.unavailable"); }));
}

TEST(ARateLimit, DelaysTheAnswerAndNothingElse) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "On Tuesday.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults: [{kind: rate_limit, turn: 1}]
)");
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: On Tuesday.}, wait_for_hang_up]");
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    EXPECT_THAT(heard_sentences(stage, call->sid()),
                testing::ElementsAre("Hello.", "Tuesday it is. Goodbye."));
    const auto problems = stage.entries(call->sid(), "problem");
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_EQ(text(problems[0], "what"), "response_failed");
    EXPECT_THAT(text(problems[0], "detail"), HasSubstr("rate_limit_exceeded"));
    EXPECT_THAT(stage.entries(call->sid(), "provider_lost"), IsEmpty());
    EXPECT_EQ(stage.model().connections(), 1);
}

TEST(LateDeltas, AreNotPlayedAfterAnInterruption) {
    const std::string sentence =
        "We have appointments at nine, at ten, at eleven, at one, at two, at three, and also at four, on every day of the week.";
    // Slower than the caller listens: the response is still being made when it is cut off.
    Stage stage("speed: 1.2\nthink_ms: 20\ntranscription_delay_ms: 20\ngreeting: \"" + sentence +
                R"("
turns:
  - {heard: "Ten.", says: "Fine. Goodbye.", calls: [end_call]}
faults: [{kind: late_deltas, turn: 0}]
)");
    const auto call = stage.dial("steps: [{interrupt_after_ms: 1500, say: Ten}, wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    ASSERT_EQ(report.clears.size(), 1U);
    for (const auto& segment : report.agent) {
        // From the clear on the line is silent until the caller has spoken and the answer begins.
        EXPECT_TRUE(segment.begin < report.clears[0] || segment.begin > report.caller[0].end)
            << segment.begin.count();
        if (segment.begin < report.clears[0]) {
            EXPECT_LE(segment.end, report.clears[0] + milliseconds(60));
        }
    }
    EXPECT_LT(share_heard(report.heard, sentence), 0.7);
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    for (const auto& session : stage.model().sessions())
        EXPECT_THAT(violations(session), IsEmpty());
}

TEST(OddEventsFromTheProvider, AreIgnoredAndTheCallGoesOn) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "On Tuesday.", says: "Tuesday it is. Goodbye.", calls: [end_call]}
faults:
  - {kind: unknown_event, turn: 0}
  - {kind: huge_event, turn: 0}
  - {kind: null_usage, turn: 0}
  - {kind: obfuscation, times: 0}
  - {kind: invalid_json, turn: 1}
  - {kind: unknown_event, turn: 1}
  - {kind: transcription_failed, turn: 1}
)");
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: On Tuesday.}, wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, "Tuesday it is. Goodbye."), 0.8);
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    EXPECT_THAT(heard_sentences(stage, call->sid()),
                testing::ElementsAre("Hello.", "Tuesday it is. Goodbye."));
    EXPECT_EQ(stage.model().connections(), 1);
    EXPECT_THAT(violations(stage.model().sessions()[0]), IsEmpty());
    std::vector<std::string> problems;
    for (const auto& each : stage.entries(call->sid(), "problem"))
        problems.push_back(text(each, "what"));
    EXPECT_THAT(problems, testing::UnorderedElementsAre("bad_message", "transcription_failed"));
}

}  // namespace
}  // namespace parley::integration
