// Where something comes to its end: the time of a call, the room on the disk.
#include "stage.hpp"

namespace parley::integration {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(TheLongestCall, EndsWithSpokenWordsThatTheCallerHearsToTheEnd) {
    StageOptions options;
    options.environment["MAX_CALL_DURATION_MINUTES"] = "0.1";
    Stage stage(fast + "greeting: \"Hello.\"", std::move(options));
    const auto call = stage.dial("steps: [wait_for_hang_up]");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_EQ(report.ended_by, "agent");
    EXPECT_EQ(report.unheard, milliseconds(0));
    EXPECT_GT(
        share_heard(
            report.heard,
            "I am sorry, our time for this call is up. Please call again if you need more. Goodbye."),
        0.8);
    EXPECT_GE(report.duration, milliseconds(6'000));

    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.outcome, "time_limit");
    EXPECT_EQ(row.reason, "time_limit");
    const auto said = stage.entries(call->sid(), "agent_said");
    ASSERT_EQ(said.size(), 2U);
    EXPECT_THAT(text(said[1], "heard"), HasSubstr("our time for this call is up"));
    EXPECT_THAT(text(said[1], "unheard"), IsEmpty());
}

// A disk without room, for this process alone: no file of its may grow.
TEST(AFullDisk, IsSeenByTheOperatorAndLeavesNothingHalfWritten) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - heard: "Ten o'clock."
    calls:
      - {tool: book_appointment, arguments: {customer_name: "Ann Lee", date: "{date: open_weekday}", time: "10:00 AM"}}
    then:
      - {when: result.success, says: "It is booked."}
      - {says: "I could not book it."}
  - {heard: "Bye.", says: "Goodbye.", calls: [end_call]}
)");
    const std::string caller = R"(
steps:
  - wait_for_agent: {silent_for_ms: 300}
  - say: "Ten o'clock."
  - wait_for_agent: {silent_for_ms: 500}
  - say: "Bye."
  - wait_for_hang_up
)";
    const auto status = [&](std::string_view key) {
        const auto body = json_read::parse(stage.service().get("/health").body);
        return body && body->is_object() ? text(body->get_object(), key) : std::string();
    };
    const auto call = stage.dial(caller);
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    stage.service().limit_files(4'096);
    EXPECT_TRUE(eventually([&] { return status("status") == "degraded"; }));
    EXPECT_THAT(status("store"), HasSubstr("disk"));

    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, "I could not book it."), 0.8)
        << "nobody is told of a booking that was not saved";
    EXPECT_GT(share_heard(report.heard, "Goodbye."), 0.8);
    EXPECT_EQ(stage.value("SELECT count(*) FROM appointments"), "0");
    EXPECT_EQ(stage.value("SELECT count(*) FROM journal WHERE type = 'call_ended'"), "0");
    EXPECT_EQ(stage.value("PRAGMA integrity_check"), "ok");

    stage.service().limit_files(std::nullopt);
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(row.outcome, "no_booking");
    EXPECT_TRUE(eventually([&] { return status("status") == "ok"; }));
    std::vector<std::string> turns;
    for (const auto& entry : stage.entries(call->sid())) {
        if (text(entry, "type") == "caller_said") turns.push_back(text(entry, "text"));
        if (text(entry, "type") == "agent_said") turns.push_back(text(entry, "heard"));
    }
    EXPECT_THAT(turns, testing::ElementsAre("Hello.", "Ten o'clock.", "I could not book it.",
                                            "Bye.", "Goodbye."));
    EXPECT_EQ(
        stage.value("SELECT count(*) FROM journal WHERE type IN ('caller_said', 'agent_said')"),
        stage.value("SELECT count(*) FROM transcript"));

    const auto next = stage.dial(caller);
    EXPECT_EQ(next->report().failure, "");
    EXPECT_EQ(stage.ended(next->sid()).outcome, "appointment_booked");
    EXPECT_EQ(stage.value("SELECT count(*) FROM appointments"), "1");
}

}  // namespace
}  // namespace parley::integration
