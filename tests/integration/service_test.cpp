// Around the calls: health, webhooks, the carrier's REST API, a database that cannot be written,
// the resampled way.
#include "stage.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>

namespace parley::integration {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

json::object health_of(Stage& stage) {
    const auto response = stage.service().get("/health");
    EXPECT_EQ(response.status, 200);
    auto body = json_read::parse(response.body);
    return body && body->is_object() ? body->get_object() : json::object();
}

TEST(Health, SaysWhetherTheServiceIsFitAndHowManyCallsItHas) {
    Stage stage(fast + "greeting: \"Hello.\"");
    auto health = health_of(stage);
    EXPECT_EQ(text(health, "status"), "ok");
    EXPECT_EQ(text(health, "store"), "ok");
    EXPECT_EQ(number(health, "calls"), 0);
    EXPECT_GE(number(health, "uptime"), 0);
    EXPECT_THAT(text(health, "timestamp"), testing::MatchesRegex("20..-..-..T..:..:..\\..*Z"));

    const auto ticket = stage.announce("CA1");
    EXPECT_EQ(number(health_of(stage), "calls"), 1);
    auto stream = stage.open_stream(ticket.stream_url);
    stream.text(start_message(ticket));
    ASSERT_TRUE(stream.next_text());
    stream.drop();
    EXPECT_EQ(stage.ended("CA1").reason, "channel_lost");
    EXPECT_TRUE(eventually([&] { return number(health_of(stage), "calls") == 0; }));
}

TEST(AWebhook, IsRefusedWhenItIsNotWhatItMustBe) {
    StageOptions options;
    options.environment["TWILIO_ACCOUNT_SID"] = account_sid;
    Stage stage(fast, std::move(options));
    EXPECT_EQ(stage.service().get("/nowhere").status, 404);
    EXPECT_EQ(stage.service().get("/media-stream").status, 426);

    EXPECT_EQ(stage.post("/voice", stage.form("CA1"), "").status, 403);
    EXPECT_EQ(
        stage
            .post("/voice", stage.form("CA1"),
                  sim::twilio_signature("another token", public_url + "/voice", stage.form("CA1")))
            .status,
        403);
    const auto signature =
        sim::twilio_signature(auth_token, public_url + "/voice", stage.form("CA1"));
    EXPECT_EQ(stage.post("/voice", stage.form("CA2"), signature).status, 403)
        << "the signature is another form's";

    sim::Form nameless = stage.form("CA1");
    std::erase_if(nameless, [](const auto& field) { return field.first == "CallSid"; });
    EXPECT_EQ(stage.post("/voice", nameless).status, 400);

    sim::Form foreign = stage.form("CA1");
    for (auto& [name, value] : foreign) {
        if (name == "AccountSid") value = "AC00000000000000000000000000000002";
    }
    EXPECT_EQ(stage.post("/voice", foreign).status, 403);
    EXPECT_EQ(stage.model().connections(), 0);
    EXPECT_EQ(stage.post("/voice", stage.form("CA1")).status, 200);
    EXPECT_FALSE(stage.service().has_logged(auth_token));
}

TEST(ARetriedWebhook, GetsANewTicketForTheSameCall) {
    Stage stage(fast + "greeting: \"Hello.\"");
    const auto first = stage.announce("CA1");
    const auto again = stage.announce("CA1");
    ASSERT_NE(again.token, "");
    EXPECT_NE(again.token, first.token);

    auto late = stage.open_stream(first.stream_url);
    late.text(start_message(first));
    EXPECT_EQ(late.close_code(), 1008) << "the first ticket is void";

    auto stream = stage.open_stream(again.stream_url);
    stream.text(start_message(again));
    ASSERT_TRUE(stream.next_text());
    EXPECT_EQ(stage.model().connections(), 1) << "one call, one model session";
    stream.text(
        R"({"event":"stop","sequenceNumber":"2","streamSid":"MZ1","stop":{"callSid":"CA1"}})");
    EXPECT_EQ(stage.ended("CA1").outcome, "caller_hung_up");
    EXPECT_EQ(stage.entries("CA1", "call_started").size(), 1U);

    // Once the call is over, its webhook is no key to another one.
    EXPECT_TRUE(eventually([&] { return number(health_of(stage), "calls") == 0; }));
    const auto replayed = stage.announce("CA1");
    EXPECT_EQ(replayed.stream_url, "");
    EXPECT_THAT(replayed.body, HasSubstr("<Hangup/>"));
}

TEST(HangingUp, EndsTheCallThroughTheRestApiWhenThereIsAnAccount) {
    // parley must know the REST API's address when it starts, so this carrier comes first and is
    // not the stage's.
    const auto carrier =
        sim::TwilioServer::start({.account_sid = account_sid, .auth_token = auth_token}).value();
    StageOptions options;
    options.environment["TWILIO_ACCOUNT_SID"] = account_sid;
    options.environment["TWILIO_BASE_URL"] = carrier->base_url();
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "Bye.", says: "Goodbye.", calls: [end_call]}
)",
                std::move(options));
    sim::CallOptions call_options;
    call_options.webhook = public_url + "/voice";
    call_options.connect_to = stage.service().address();
    call_options.script =
        sim::CallerScript::parse(
            "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: Bye}, wait_for_hang_up]",
            "caller")
            .value();
    const auto call = carrier->dial(std::move(call_options));
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_EQ(report.ending, "ended by the REST API");
    EXPECT_EQ(report.unheard, milliseconds(0));
    EXPECT_GT(share_heard(report.heard, "Goodbye."), 0.8);
    const auto requests = carrier->rest_requests();
    ASSERT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests[0].method, "POST");
    EXPECT_EQ(requests[0].path,
              "/2010-04-01/Accounts/" + account_sid + "/Calls/" + call->sid() + ".json");
    EXPECT_EQ(requests[0].body, "Status=completed");
    EXPECT_EQ(requests[0].status, 200);
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
}

TEST(ALockedDatabase, IsSeenByTheOperatorAndNotByTheCaller) {
    Stage stage(fast + R"(
greeting: "Hello."
turns:
  - {heard: "Good morning.", says: "How can I help?"}
  - {heard: "Bye.", says: "Goodbye.", calls: [end_call]}
)");
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 300}
  - say: "Good morning."
  - wait_for_agent: {silent_for_ms: 300}
  - say: "Bye."
  - wait_for_hang_up
)");
    ASSERT_TRUE(eventually([&] { return stage.has_happened("hears the agent"); }));
    DatabaseLock lock(stage.database());
    EXPECT_TRUE(eventually([&] { return text(health_of(stage), "status") == "degraded"; }));
    EXPECT_THAT(text(health_of(stage), "store"), HasSubstr("locked"));
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, "Goodbye."), 0.8);
    EXPECT_EQ(stage.value("SELECT count(*) FROM journal WHERE type = 'call_ended'"), "0");
    EXPECT_TRUE(eventually([&] { return stage.service().has_logged("store.write_failed"); }));
    lock.release();

    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    EXPECT_TRUE(eventually([&] { return text(health_of(stage), "status") == "ok"; }));
    std::vector<std::string> turns;
    for (const auto& entry : stage.entries(call->sid())) {
        if (text(entry, "type") == "caller_said") turns.push_back(text(entry, "text"));
        if (text(entry, "type") == "agent_said") turns.push_back(text(entry, "heard"));
    }
    EXPECT_THAT(turns, testing::ElementsAre("Hello.", "Good morning.", "How can I help?", "Bye.",
                                            "Goodbye."));
}

TEST(ResampledAudio, WorksBothWays) {
    StageOptions options;
    options.overlay = "openai: {audio: pcm16_24k}\n";
    Stage stage(fast + R"(
greeting: "Good morning, how can I help?"
turns:
  - {heard: "A doctor, please.", says: "Goodbye.", calls: [end_call]}
)",
                std::move(options));
    const auto call = stage.dial(
        R"(steps: [{wait_for_agent: {silent_for_ms: 500}}, {say: "A doctor, please."}, wait_for_hang_up])");
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    ASSERT_GE(report.agent.size(), 2U);
    const auto& first = report.agent[0];
    EXPECT_GT(first.end - first.begin, milliseconds(1'000));
    std::vector<std::int16_t> samples(static_cast<std::size_t>((first.end - first.begin).count()) *
                                      8);
    const auto begin = static_cast<std::size_t>(first.begin.count()) * 8;
    audio::decode_mulaw(std::span(report.heard).subspan(begin, samples.size()), samples);
    EXPECT_GT(audio::level_dbfs(samples), -30);
    EXPECT_LT(audio::level_dbfs(samples), -6);

    const auto session = stage.model().sessions().at(0);
    EXPECT_THAT(violations(session), IsEmpty());
    EXPECT_EQ(session.utterances, 1) << "the model hears the caller";
    EXPECT_NEAR(static_cast<double>(session.appended_ms),
                static_cast<double>(report.duration.count()), 1'000);
    const auto updates = session.of_type("session.update");
    ASSERT_FALSE(updates.empty());
    EXPECT_THAT(json::serialize(updates[0]->event),
                HasSubstr(R"("format":{"type":"audio/pcm","rate":24000})"));
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
}

}  // namespace
}  // namespace parley::integration
