// A call's main job: an appointment in the database, and a caller who knows it.
#include "stage.hpp"

namespace parley::integration {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

TEST(ACaller, BooksAnAppointmentAndInterruptsOnTheWay) {
    Stage stage(fast + R"(
greeting: from_instructions
turns:
  - heard: "A day next week, please."
    calls:
      - {tool: check_slots, arguments: {date: "{date: open_weekday}"}}
    remember:
      date: "{date: open_weekday}"
      slot: "{choose: result.available_slots, 10:00 AM}"
    then:
      - when: result.available_slots
        says: "There is {list 4: result.available_slots}, and many more in the afternoon. Which of them would you like?"
  - heard: "Ten o'clock."
    calls:
      - {tool: book_appointment, arguments: {customer_name: "Ann Lee", date: "{date}", time: "{slot}"}}
    then:
      - when: result.success
        says: "Booked for {spoken_time: slot}. Goodbye."
        calls: [end_call]
)");
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 700}
  - say: "A day next week, please."
  - {interrupt_after_ms: 1500, say: "Ten o'clock."}
  - wait_for_hang_up
)");
    const auto report = call->report();
    const auto row = stage.ended(call->sid());
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_EQ(report.ended_by, "agent");
    EXPECT_EQ(report.unheard, milliseconds(0)) << "the goodbye was cut off";
    const auto session = stage.model().sessions().at(0);
    EXPECT_THAT(violations(session), IsEmpty());

    EXPECT_EQ(row.outcome, "appointment_booked");
    EXPECT_EQ(row.reason, "agent_hung_up");
    EXPECT_EQ(stage.value("SELECT count(*) FROM appointments WHERE status = 'confirmed'"), "1");
    EXPECT_EQ(
        stage.value(
            "SELECT customer_name || '|' || appointment_time || '|' || phone_number || '|' || call_sid FROM appointments"),
        "Ann Lee|10:00 AM|+15550100001|" + call->sid());

    // The interrupted sentence: what the caller heard, what the journal says and what the model was
    // told are one thing.
    const auto cuts = stage.entries(call->sid(), "interrupted");
    ASSERT_EQ(cuts.size(), 1U);
    const auto heard_ms = number(cuts[0], "heard_ms");
    EXPECT_GT(heard_ms, 0);
    EXPECT_LT(heard_ms, number(cuts[0], "received_ms"));
    const auto truncates = session.of_type("conversation.item.truncate");
    ASSERT_EQ(truncates.size(), 1U);
    EXPECT_EQ(number(truncates[0]->event, "audio_end_ms"), heard_ms);
    EXPECT_EQ(text(truncates[0]->event, "item_id"), text(cuts[0], "item_id"));
    ASSERT_EQ(report.clears.size(), 1U);
    ASSERT_GE(report.agent.size(), 2U);
    const auto really_heard = report.clears[0] - report.agent[1].begin;
    EXPECT_NEAR(static_cast<double>(heard_ms), static_cast<double>(really_heard.count()), 250);

    bool has_cut_sentence = false;
    std::string all_heard;
    for (const auto& said : stage.entries(call->sid(), "agent_said")) {
        all_heard += text(said, "heard");
        if (text(said, "item_id") != text(cuts[0], "item_id")) continue;
        has_cut_sentence = true;
        EXPECT_TRUE(said.at("interrupted").get_bool());
        EXPECT_EQ(number(said, "heard_ms"), heard_ms);
        EXPECT_THAT(text(said, "heard"), testing::StartsWith("There is"));
        EXPECT_THAT(text(said, "unheard"), HasSubstr("Which of them would you like?"));
    }
    EXPECT_TRUE(has_cut_sentence);
    EXPECT_THAT(all_heard, HasSubstr("Thank you for calling Riverside Medical."));
    EXPECT_THAT(all_heard, HasSubstr("Goodbye."));
    const auto caller_said = stage.entries(call->sid(), "caller_said");
    ASSERT_EQ(caller_said.size(), 2U);
    EXPECT_EQ(text(caller_said[0], "text"), "A day next week, please.");
    EXPECT_EQ(text(caller_said[1], "text"), "Ten o'clock.");
}

TEST(FiftyCallers, WhoWantTheSameSlotGetOneBookingAndFortyNineOtherAnswers) {
#ifdef PARLEY_SANITIZED
    constexpr int callers = 12;  // instrumented, two cores cannot carry fifty calls in real time
#else
    constexpr int callers = 50;
#endif
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - heard: "Ten o'clock."
    calls:
      - {tool: book_appointment, arguments: {customer_name: "Ann Lee", date: "{date: open_weekday}", time: "10:00 AM"}}
    then:
      - {when: result.success, says: "Booked.", calls: [end_call]}
      - {says: "Taken.", calls: [end_call]}
)");
    std::vector<std::shared_ptr<sim::TwilioCall>> calls;
    for (int i = 0; i < callers; ++i) {
        calls.push_back(stage.dial(
            "steps: [{wait_for_agent: {silent_for_ms: 200}}, {say: Ten}, wait_for_hang_up]",
            [i](auto& options) { options.from = fmt::format("+155501{:05}", i); }));
    }
    for (const auto& call : calls) {
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_EQ(report.ended_by, "agent");
        EXPECT_EQ(report.unheard, milliseconds(0));
        EXPECT_THAT(report.violations, IsEmpty());
    }
    int booked = 0;
    for (const auto& call : calls) {
        const auto row = stage.ended(call->sid());
        EXPECT_EQ(row.reason, "agent_hung_up");
        EXPECT_THAT(row.outcome, testing::AnyOf("appointment_booked", "no_booking"));
        if (row.outcome == "appointment_booked") ++booked;
    }
    EXPECT_EQ(booked, 1);
    EXPECT_EQ(stage.value("SELECT count(*) FROM appointments"), "1");
    EXPECT_EQ(
        stage.value("SELECT count(*) FROM journal WHERE type IN ('problem', 'provider_lost')"),
        "0");

    int successes = 0;
    int refusals = 0;
    for (const auto& output : tool_outputs(stage.model().sessions())) {
        if (output.find("confirmation_number") != std::string::npos) ++successes;
        if (output.find("just booked by someone else") != std::string::npos) ++refusals;
    }
    EXPECT_EQ(successes, 1);
    EXPECT_EQ(refusals, callers - 1);
    EXPECT_EQ(stage.model().connections(), callers);
    for (const auto& session : stage.model().sessions())
        EXPECT_THAT(violations(session), IsEmpty());
}

TEST(ACallerWhoIsGoneInMidTool, LeavesABookingThatIsFinishedAndAnOutcome) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - heard: "Ten o'clock."
    says: "One moment."
    calls:
      - {tool: book_appointment, arguments: {customer_name: "Ann Lee", date: "{date: open_weekday}", time: "10:00 AM"}}
)");
    // Somebody else is writing: the tool waits for the database, and meanwhile the caller hangs up.
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 200}}, {say: Ten}, {interrupt_after_ms: 60}, hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("says: Ten"); }));
    DatabaseLock lock(stage.database());
    EXPECT_EQ(call->report().failure, "");
    EXPECT_TRUE(stage.has_happened("calls book_appointment"));
    lock.release();

    const auto row = stage.ended(call->sid());
    EXPECT_EQ(row.reason, "caller_hung_up");
    EXPECT_EQ(row.outcome, "appointment_booked");
    EXPECT_EQ(stage.value("SELECT count(*) FROM appointments"), "1");
    const auto returned = stage.entries(call->sid(), "tool_returned");
    ASSERT_EQ(returned.size(), 1U);
    EXPECT_TRUE(returned[0].at("ok").get_bool());

    const auto next = stage.dial("steps: [{wait_for_agent: {silent_for_ms: 200}}, hang_up]");
    EXPECT_EQ(next->report().failure, "");
    EXPECT_EQ(stage.ended(next->sid()).outcome, "caller_hung_up");
}

}  // namespace
}  // namespace parley::integration
