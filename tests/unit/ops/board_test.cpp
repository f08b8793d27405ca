#include "support.hpp"

#include <parley/ops/board.hpp>

namespace parley::ops::test {
namespace {

namespace journal = call::journal;

const WallTime begin{std::chrono::seconds(1'790'000'000)};

class TheBoard : public testing::Test {
 protected:
    std::vector<Board::Event> tell(const std::string& call_sid, journal::Event event,
                                   milliseconds after = {}) {
        return board.take({call_sid, begin + after, std::move(event)});
    }
    void start(const std::string& call_sid = "CA1") {
        tell(call_sid, journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"});
    }
    json::object active(std::size_t index = 0) {
        return board.active(begin + 74s).at(index).as_object();
    }
    static const Board::Event& named(const std::vector<Board::Event>& events,
                                     std::string_view name) {
        for (const auto& each : events) {
            if (each.name == name) return each;
        }
        throw std::runtime_error("no event " + std::string(name));
    }

    Board board;
};

TEST_F(TheBoard, ShowsARunningCallInTheKnownShape) {
    start();
    EXPECT_EQ(json::value(active()), json::parse(R"({
        "callSid":"CA1","streamSid":"","phoneNumber":"+15550100001","customerName":null,
        "startTime":"2026-09-21T14:13:20.000Z","duration":74,"currentStep":"greeting","aiStatus":"listening",
        "lastActivity":"2026-09-21T14:13:20.000Z","to":"+15550100002","agent":"sarah","channel":"twilio",
        "state":"connecting","tool":null,"turns":0,"interruptions":0,"toolCalls":0,"costUsd":0E0,"generation":0})"));
    const auto events = board.see({{"CA1", "MZ1", "speaking", 7}}, begin);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(json::value(events[0].data),
              json::parse(R"({"callSid":"CA1","state":"speaking","tool":null,
        "aiStatus":"speaking","currentStep":"greeting"})"));
    EXPECT_EQ(json_read::text(active(), "streamSid"), "MZ1");
    EXPECT_EQ(active().at("generation"), 7);
    EXPECT_TRUE(board.see({{"CA1", "MZ1", "speaking", 7}}, begin).empty()) << "nothing new";
}

TEST_F(TheBoard, TellsHeardFromUnheard) {
    start();
    tell("CA1", journal::CallerSaid{"u1", "Tuesday?"}, 1s);
    const auto events =
        tell("CA1", journal::AgentSaid{"a1", "We have nine", "or ten.", 900, 2'000, true}, 2s);
    const auto entry = json::parse(R"({"timestamp":"2026-09-21T14:13:22.000Z","role":"assistant",
        "content":"We have nine","unheard":"or ten.","interrupted":true,"id":"a1"})");
    EXPECT_EQ(named(events, "turn").data.at("entry"), entry);
    EXPECT_EQ(json::value(named(events, "transcript").data), entry);
    EXPECT_EQ(active().at("turns"), 2);
    ASSERT_EQ(board.transcript("CA1")->size(), 2U);
    EXPECT_EQ(json::parse(board.transcript("CA1")->at(1)), entry);
    EXPECT_FALSE(board.transcript("CA2"));
}

TEST_F(TheBoard, TellsWhatBecameOfTheLine) {
    start();
    const auto detail = [&](journal::Event event) {
        const auto events = tell("CA1", std::move(event), 1s);
        const auto& happening = named(events, "happening").data.at("happening").as_object();
        EXPECT_EQ(json_read::text(happening, "timestamp"), "2026-09-21T14:13:21.000Z");
        return json_read::text(happening, "what") + ": " + json_read::text(happening, "detail");
    };
    EXPECT_EQ(detail(journal::TransferStarted{"+15550102001", true}),
              "transfer_started: +15550102001");
    EXPECT_EQ(detail(journal::TransferEnded{"busy"}), "transfer_ended: busy");
    EXPECT_EQ(detail(journal::TransferEnded{"failed", "no such number"}),
              "transfer_ended: failed: no such number");
    EXPECT_EQ(detail(journal::HoldStarted{}), "hold_started: ");
    EXPECT_EQ(detail(journal::HoldEnded{5'000}), "hold_ended: ");
    EXPECT_EQ(detail(journal::DigitsSent{4}), "digits_sent: 4");
    EXPECT_EQ(detail(journal::RecordingStarted{"Recorded."}), "recording_started: Recorded.");
    EXPECT_EQ(detail(journal::RecordingStopped{}), "recording_stopped: ");
    EXPECT_EQ(detail(journal::MessageSent{"+15550100001", true, "SM1"}),
              "message_sent: +15550100001");
    EXPECT_EQ(detail(journal::MessageSent{"+15550100001", false, "refused"}),
              "message_sent: +15550100001: not sent: refused");
    EXPECT_EQ(board.transcript("CA1")->size(), 0U) << "a transcript has what was said";
    board.see({{"CA1", "MZ1", "transferred", 7}}, begin);
    EXPECT_EQ(json_read::text(active(), "state"), "transferred");
}

TEST_F(TheBoard, FollowsAToolAndWhatItTells) {
    start();
    auto events = tell(
        "CA1", journal::ToolStarted{
                   "t1", "book_appointment",
                   R"({"customer_name":"Maria Lopez","date":"2026-12-01","time":"10:00 AM"})"});
    EXPECT_TRUE(named(events, "tool").data.at("tool").as_object().at("result").is_null());
    EXPECT_EQ(json_read::text(active(), "tool"), "book_appointment");
    events =
        tell("CA1",
             journal::ToolReturned{"t1", "book_appointment", true,
                                   R"({"success":true,"confirmation_number":"APT-12345"})", 18},
             18ms);
    const auto& tool = named(events, "tool").data.at("tool").as_object();
    EXPECT_EQ(tool.at("ok"), true);
    EXPECT_EQ(tool.at("durationMs"), 18);
    EXPECT_EQ(tool.at("timestamp"), "2026-09-21T14:13:20.000Z") << "when it began";
    EXPECT_THAT(json_read::text(tool, "arguments"), HasSubstr("Maria Lopez"));
    EXPECT_EQ(json_read::text(active(), "customerName"), "Maria Lopez");

    events = tell("CA1", journal::CallEnded{"appointment_booked", "caller_hung_up", 61'600}, 62s);
    const auto& past = named(events, "ended").data.at("call").as_object();
    EXPECT_EQ(json_read::text(past, "confirmationNumber"), "APT-12345");
    EXPECT_EQ(past.at("appointmentDetails"),
              json::value({{"date", "2026-12-01"}, {"time", "10:00 AM"}}));
    EXPECT_EQ(json_read::text(past, "outcome"), "appointment_booked");
    EXPECT_EQ(past.at("duration"), 62);
    EXPECT_TRUE(board.active(begin).empty());
    EXPECT_EQ(board.history(10).size(), 1U);
    EXPECT_EQ(board.metrics().at("counters"),
              json::value({{"totalCalls", 1}, {"appointmentsBooked", 1}}));
}

TEST_F(TheBoard, LearnsNothingFromAToolThatFailed) {
    start();
    tell("CA1", journal::ToolStarted{"t1", "book_appointment", R"({"customer_name":"Maria"})"});
    tell("CA1", journal::ToolReturned{"t1", "book_appointment", false,
                                      R"({"confirmation_number":"APT-1"})", 18});
    const auto events = tell("CA1", journal::CallEnded{"no_booking", "agent_hung_up", 1'000});
    const auto& past = named(events, "ended").data.at("call").as_object();
    EXPECT_TRUE(past.at("customerName").is_null());
    EXPECT_FALSE(past.contains("confirmationNumber"));
    EXPECT_EQ(json_read::text(past, "outcome"), "no_booking");
}

TEST_F(TheBoard, TellsABookingFromLookingOneUp) {
    start();
    tell("CA1", journal::ToolStarted{"t1", "find_appointment", R"({"customer_name":"Ada"})"});
    tell("CA1", journal::ToolReturned{"t1", "find_appointment", true,
                                      R"({"confirmation_number":"APT-1","date":"2026-12-01"})", 5});
    EXPECT_EQ(json_read::text(active(), "customerName"), "Ada");
    const auto events = tell("CA1", journal::CallEnded{"caller_hung_up", "caller_hung_up", 1'000});
    const auto& past = named(events, "ended").data.at("call").as_object();
    EXPECT_FALSE(past.contains("confirmationNumber"));
    EXPECT_EQ(json_read::text(past, "outcome"), "user_hangup");
}

TEST_F(TheBoard, CountsLatenciesByWhereTheTimeWent) {
    start();
    EXPECT_TRUE(board.metrics().at("turnLatency").as_object().at("p50").is_null());
    for (int i = 1; i <= 100; ++i) tell("CA1", journal::TurnLatency{i * 10, i * 10 + 5});
    const auto latency = board.metrics().at("turnLatency").as_object();
    EXPECT_EQ(latency.at("count"), 100);
    EXPECT_EQ(latency.at("p50"), 505);
    EXPECT_EQ(latency.at("p95"), 955);
    EXPECT_EQ(latency.at("p99"), 995);
    EXPECT_EQ(latency.at("model").as_object().at("p50"), 500);
    EXPECT_EQ(latency.at("line").as_object().at("p99"), 5);
    const auto& recent = latency.at("recent").as_array();
    ASSERT_EQ(recent.size(), 40U);
    EXPECT_EQ(recent.back().as_object().at("totalMs"), 1'005) << "the newest last";
    const auto audio = board.metrics().at("audioLatency").as_object();
    EXPECT_EQ(audio.at("samples").as_array().size(), 20U);
    EXPECT_EQ(audio.at("samples").as_array().front(), 1'005) << "the newest first";
    EXPECT_EQ(audio.at("avg"), 510);
}

TEST_F(TheBoard, LetsAnAgentSayAtWhichStepItIs) {
    start();
    tell("CA1",
         journal::Note{"name is known", {{"step", "collecting_date"}, {"customer_name", "Ada"}}});
    EXPECT_EQ(json_read::text(active(), "currentStep"), "collecting_date");
    EXPECT_EQ(json_read::text(active(), "customerName"), "Ada");
    board.see({{"CA1", "", "ending", 1}}, begin);
    EXPECT_EQ(json_read::text(active(), "currentStep"), "farewell");
    tell("CA1", journal::ToolStarted{"t1", "check_slots", "{}"});
    EXPECT_EQ(json_read::text(active(), "currentStep"), "farewell");
}

TEST_F(TheBoard, ShowsABookingAsTheAgentHasNotedIt) {
    start();
    tell("CA1",
         journal::ToolStarted{"t1", "reserve",
                              R"({"customer_name":"Ada","date":"2026-12-01","time":"14:00"})"});
    tell("CA1", journal::Note{"booked",
                              {{"step", "confirming"},
                               {"confirmation_number", "APT-1"},
                               {"date", "2026-12-01"},
                               {"time", "2:00 PM"}}});
    tell("CA1",
         journal::ToolReturned{"t1", "reserve", true, R"({"confirmation_number":"APT-1"})", 5});
    EXPECT_EQ(json_read::text(active(), "currentStep"), "confirming");
    const auto events = tell("CA1", journal::CallEnded{"time_limit", "time_limit", 1'000});
    const auto& past = named(events, "ended").data.at("call").as_object();
    EXPECT_EQ(past.at("appointmentDetails"),
              json::value({{"date", "2026-12-01"}, {"time", "2:00 PM"}}));
    EXPECT_EQ(json_read::text(past, "customerName"), "Ada");
    EXPECT_EQ(json_read::text(past, "outcome"), "appointment_booked");
}

TEST_F(TheBoard, ForgetsACallWhoseEndItMissed) {
    start();
    board.see({}, begin + 5s);
    EXPECT_EQ(board.active(begin).size(), 1U) << "perhaps it has only just begun";
    board.see({}, begin + 11s);
    EXPECT_TRUE(board.active(begin).empty());
}

TEST_F(TheBoard, IsBounded) {
    Board small({.finished_max = 2,
                 .samples_max = 3,
                 .tool_names_max = 2,
                 .transcript_max = 2,
                 .text_bytes_max = 10,
                 .active_max = 2});
    const auto take = [&](const std::string& sid, journal::Event event) {
        return small.take({sid, begin, std::move(event)});
    };
    for (const char* sid : {"CA1", "CA2", "CA3"})
        take(sid, journal::CallStarted{"+1", "+2", "a", "t"});
    EXPECT_EQ(small.active(begin).size(), 2U);
    for (int i = 0; i < 5; ++i) {
        take("CA1", journal::TurnLatency{1, 2});
        take("CA1", journal::CallerSaid{"u", "hello"});
        take("CA1", journal::ToolReturned{"t", "tool" + std::to_string(i), true,
                                          std::string(100, 'x'), 1});
    }
    EXPECT_EQ(small.metrics().at("turnLatency").as_object().at("count"), 3);
    EXPECT_EQ(small.metrics().at("tools").as_array().size(), 2U);
    EXPECT_EQ(small.transcript("CA1")->size(), 2U);
    const auto events = take("CA1", journal::Problem{std::string(100, 'x'), ""});
    EXPECT_LE(named(events, "problem").data.at("problem").as_object().at("what").as_string().size(),
              13U);
}

TEST_F(TheBoard, GrowsItsVersionsWithWhatChanged) {
    const auto before = board.versions();
    start();
    EXPECT_GT(board.versions().active, before.active);
    EXPECT_EQ(board.versions().history, before.history);
    tell("CA9", journal::CallerSaid{"u", "of a call that never began"});
    const auto then = board.versions();
    board.see({{"CA1", "", "connecting", 0}}, begin);
    EXPECT_EQ(board.versions().active, then.active);
}

TEST(Percentile, IsAValueThatOccurred) {
    EXPECT_EQ(percentile({}, 0.5), 0);
    EXPECT_EQ(percentile({7}, 0.99), 7);
    EXPECT_EQ(percentile({3, 1, 2, 4}, 0.5), 2);
    EXPECT_EQ(percentile({3, 1, 2, 4}, 1.0), 4);
}

}  // namespace
}  // namespace parley::ops::test
