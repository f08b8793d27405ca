// Where something comes to its end: the time of a call, the room on the disk.
#include "stage.hpp"

#include <fmt/format.h>

#include <filesystem>

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

// Whoever is told of calls that are over: keeps what it was told.
class Receiver {
 public:
    Receiver() {
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request request) { return take(std::move(request)); };
        auto server = net::Server::listen(threads_, {.host = "127.0.0.1"}, std::move(handlers));
        EXPECT_TRUE(server) << (server ? "" : server.error().text());
        server_ = std::move(*server);
        threads_.start();
    }
    ~Receiver() {
        server_.reset();
        threads_.stop();
    }
    std::string address() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
    std::vector<std::string> told() {
        const std::lock_guard lock(mutex_);
        return told_;
    }

 private:
    Task<net::Response> take(net::Request request) {
        const std::lock_guard lock(mutex_);
        told_.push_back(std::move(request.body));
        co_return net::Response{.status = 204};
    }

    std::mutex mutex_;
    std::vector<std::string> told_;
    net::IoThreads threads_{1};
    std::unique_ptr<net::Server> server_;
};

std::string file_ending_in(const std::string& folder, std::string_view ending) {
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator(folder, ignored)) {
        if (each.path().string().ends_with(ending)) return text_of_file(each.path());
    }
    return {};
}

TEST(AFullDisk, LosesNoTranscriptAndNoWebhook) {
    Receiver receiver;
    const Folder folder;
    StageOptions options;
    options.overlay =
        fmt::format("transcripts: {{dir: \"{}\"}}\nwebhooks: {{crm: {{url: \"{}\"}}}}\n",
                    folder / "logs", receiver.address());
    Stage stage(
        fast +
            "greeting: \"Hello.\"\nturns: [{heard: \"Bye.\", says: \"Goodbye.\", calls: [end_call]}]",
        std::move(options));
    const auto health = [&](std::string_view key) {
        const auto body = json_read::parse(stage.service().get("/health").body);
        return body && body->is_object() ? text(body->get_object(), key) : std::string();
    };
    const auto call = stage.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: \"Bye.\"}, wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    stage.service().limit_files(64);  // less than one line of a transcript
    EXPECT_EQ(call->report().failure, "");
    EXPECT_TRUE(eventually([&] { return health("transcripts") == "cannot be written"; }));
    EXPECT_EQ(health("status"), "degraded");
    EXPECT_THAT(receiver.told(), IsEmpty()) << "the end of the call is not kept yet";

    stage.service().limit_files(std::nullopt);
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    EXPECT_TRUE(eventually([&] { return health("status") == "ok"; }));
    EXPECT_TRUE(eventually([&] { return receiver.told().size() == 1; }));
    EXPECT_THAT(receiver.told().front(), HasSubstr(call->sid()));
    const auto is_complete = [&] {
        return file_ending_in(folder / "logs", ".json").find("\"complete\":true") !=
               std::string::npos;
    };
    EXPECT_TRUE(eventually(is_complete));
    const auto lines = file_ending_in(folder / "logs", ".txt");
    EXPECT_THAT(lines, HasSubstr("assistant: Hello.\n"));
    EXPECT_THAT(lines, HasSubstr("customer: Bye.\n"));
    EXPECT_THAT(lines, HasSubstr("assistant: Goodbye.\n"));
}

}  // namespace
}  // namespace parley::integration
