// How the process ends, and what it leaves behind.
#include "stage.hpp"

#include <csignal>

namespace parley::integration {
namespace {

using testing::Contains;
using testing::HasSubstr;

const std::string long_sentence =
    "We are open from Monday to Friday, from nine in the morning to five in the afternoon.";

TEST(SigtermInMidSentence, RefusesNewCallsAloudAndLetsTheRunningOneFinish) {
    Stage stage(fast + "greeting: \"" + long_sentence + R"("
turns:
  - {heard: "Thanks.", says: "Goodbye.", calls: [end_call]}
)");
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 600}}, {say: Thanks}, wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    stage.service().signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return stage.service().has_logged("server.draining"); }));

    const auto refused = stage.dial("steps: []")->report();
    EXPECT_THAT(refused.said, Contains(HasSubstr("restarted")));
    EXPECT_EQ(refused.stream_sid, "");

    const auto report = call->report();
    EXPECT_EQ(report.failure, "")
        << "Twilio asks once more when the stream is over; that must be answered, too";
    EXPECT_GT(share_heard(report.heard, long_sentence), 0.8);
    EXPECT_EQ(report.unheard, milliseconds(0));
    EXPECT_EQ(stage.service().exit_status(), 0);
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(row.outcome, "no_booking");
}

TEST(SigtermInMidSentence, MakesItNoLongerReadyButStillHealthy) {
    Stage stage(fast + "greeting: \"" + long_sentence + "\"");
    EXPECT_EQ(stage.service().get("/ready").status, 200);
    const auto call = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 600}}, hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    stage.service().signal(SIGTERM);
    ASSERT_TRUE(eventually([&] { return stage.service().has_logged("server.draining"); }));

    ASSERT_TRUE(eventually([&] { return stage.service().get("/ready").status == 503; }));
    EXPECT_THAT(stage.service().get("/ready").body, HasSubstr(R"("status":"draining")"));
    EXPECT_EQ(stage.service().get("/health").status, 200) << "nobody may kill it now";
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(stage.service().exit_status(), 0);
}

TEST(SigtermWithADrainLimit, WrapsCallsUpWhenItIsOver) {
    StageOptions options;
    options.overlay = "server: {drain_limit_seconds: 1}\n";
    Stage stage(fast + "greeting: \"Hello.\"", std::move(options));
    const auto call = stage.dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    stage.service().signal(SIGTERM);

    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_EQ(report.unheard, milliseconds(0));
    EXPECT_EQ(stage.service().exit_status(), 0);
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "shutdown");
    EXPECT_EQ(row.outcome, "no_booking");
    const auto said = stage.entries(call->sid(), "agent_said");
    ASSERT_GE(said.size(), 2U);
    EXPECT_THAT(text(said.back(), "heard"), HasSubstr("Goodbye"));
}

TEST(SigtermWithoutCalls, EndsAtOnce) {
    Stage stage(fast);
    stage.service().signal(SIGTERM);
    EXPECT_EQ(stage.service().exit_status(), 0);
}

TEST(KillInMidCall, LosesNoTurnFinishedASecondBeforeAndEndsTheCallAtTheNextStart) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "Good morning.", says: "How can I help?"}
)");
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 300}
  - say: "Good morning."
  - wait_for_agent: {silent_for_ms: 1200}
  - say: "What now?"
)");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("says: What now?"); }));
    stage.service().signal(SIGKILL);
    EXPECT_EQ(stage.service().exit_status(), 128 + SIGKILL);
    EXPECT_EQ(call->report().ended_by, "lost");

    std::vector<std::string> turns;
    for (const auto& entry : stage.entries(call->sid())) {
        if (text(entry, "type") == "caller_said") turns.push_back(text(entry, "text"));
        if (text(entry, "type") == "agent_said") turns.push_back(text(entry, "heard"));
    }
    EXPECT_THAT(turns, testing::ElementsAre("Hello.", "Good morning.", "How can I help?"));

    stage.restart();
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.outcome, "error");
    EXPECT_EQ(row.reason, "process_died");
    const auto next = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 200}}, hang_up]");
    EXPECT_EQ(next->report().failure, "");
    EXPECT_EQ(stage.ended(next->sid()).outcome, "caller_hung_up");
}

}  // namespace
}  // namespace parley::integration
