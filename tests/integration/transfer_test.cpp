// Callers put through to somebody else: from the dashboard's API, through the fake's REST API, to the
// other one and back.
#include "stage.hpp"

#include <fmt/format.h>

#include <csignal>

namespace parley::integration {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string somebody = "+15550102001";  // takes what is put through
const std::string busy = "+15550102004";
const std::string nobody = "+15550102005";
const std::string slow = "+15550102007";  // rings for a long time

std::vector<sim::Callee> callees() {
    using Answer = sim::Callee::Answer;
    return {{.to = somebody, .rings = 20ms, .talks = 100ms},
            {.to = busy, .answer = Answer::busy, .rings = 20ms},
            {.to = nobody, .answer = Answer::no_answer, .rings = 20ms},
            {.to = "+15550102006", .answer = Answer::failed},
            {.to = slow, .rings = 60s}};
}

const std::string model = fast + R"(
greeting: "Hello."
told: {"Nobody took the call": "Nobody is there."}
turns:
  - {heard: "Then tell them that I called.", says: "I will. Goodbye.", calls: [end_call]}
)";

// A carrier with people who can be called, and parley beside it.
class PuttingThrough : public testing::Test {
 protected:
    explicit PuttingThrough(Variables more = {}) {
        carrier_ = sim::TwilioServer::start({.account_sid = account_sid,
                                             .auth_token = auth_token,
                                             .watch =
                                                 [this](std::string_view line) {
                                                     const std::lock_guard lock(mutex_);
                                                     lines_.emplace_back(line);
                                                 },
                                             .numbers = {{"+15550100002", "Front desk"}},
                                             .callees = callees()})
                       .value();
        StageOptions options;
        options.environment = {{"TWILIO_ACCOUNT_SID", account_sid},
                               {"TWILIO_BASE_URL", carrier_->base_url()}};
        for (auto& [name, value] : more) options.environment[name] = value;
        options.overlay = "calls: {transfer_to: ['+1555010200']}\n";
        stage_ = std::make_unique<Stage>(model, std::move(options));
    }
    std::shared_ptr<sim::TwilioCall> dial(std::string_view steps) {
        sim::CallOptions options;
        options.webhook = public_url + "/voice";
        options.connect_to = stage_->service().address();
        options.script = sim::CallerScript::parse(steps, "caller").value();
        options.playback.strict_frames = true;
        return carrier_->dial(std::move(options));
    }
    net::Response transfer(const std::string& call_sid, const json::object& body) {
        net::Request request;
        request.method = "POST";
        request.target = "/dashboard/api/calls/" + call_sid + "/transfer";
        request.headers.set("Authorization", "Bearer " + stage_->admin_token());
        request.headers.set("Content-Type", "application/json");
        request.body = json::serialize(body);
        return stage_->service().ask(std::move(request));
    }
    bool has_happened(std::string_view words) {
        return eventually([&] {
            const std::lock_guard lock(mutex_);
            return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
                return line.find(words) != std::string::npos;
            });
        });
    }
    // As the journal has it: how, detail.
    std::string how_it_went(const std::string& call_sid) {
        std::string all;
        for (const auto& entry : stage_->entries(call_sid, "transfer_ended"))
            all += fmt::format("{}{} {}", all.empty() ? "" : ", ", text(entry, "how"),
                               text(entry, "detail"));
        return all;
    }
    std::string state_of(const std::string& call_sid) {
        net::Request request;
        request.target = "/dashboard/api/calls/" + call_sid;
        request.headers.set("Authorization", "Bearer " + stage_->admin_token());
        const auto body = json_read::parse(stage_->service().ask(std::move(request)).body, 64);
        return body && body->is_object() ? json_read::text(body->get_object(), "state") : "";
    }
    // Texts that the model was given, over all connections.
    std::vector<std::string> told_to_the_model() {
        std::vector<std::string> all;
        for (const auto& session : stage_->model().sessions()) {
            for (const auto* event : session.of_type("conversation.item.create"))
                all.push_back(json::serialize(event->event));
        }
        return all;
    }

    std::mutex mutex_;
    std::vector<std::string> lines_;
    std::unique_ptr<sim::TwilioServer> carrier_;
    std::unique_ptr<Stage> stage_;
};

TEST_F(PuttingThrough, ToSomebodyWhoAnswersIsTheEndOfTheCall) {
    const auto call = dial("steps: [{wait_for_agent: {silent_for_ms: 300}}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    const auto answer =
        transfer(call->sid(), {{"to", somebody}, {"words", "I will put you through."}});
    EXPECT_EQ(answer.status, 202) << answer.body;
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "I will put you through."), 0.8)
        << "the words are heard before the line is handed over";
    ASSERT_EQ(report.dialled.size(), 1U);
    EXPECT_EQ(report.dialled[0].number, somebody);
    EXPECT_EQ(report.dialled[0].caller_id, "+15550100002");
    EXPECT_TRUE(report.dialled[0].is_joined);
    EXPECT_THAT(report.said, IsEmpty());
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "transferred");
    EXPECT_EQ(row.reason, "transferred");
    EXPECT_EQ(how_it_went(call->sid()), "answered ");
    const auto started = stage_->entries(call->sid(), "transfer_started");
    ASSERT_EQ(started.size(), 1U);
    EXPECT_EQ(text(started[0], "to"), somebody);
    EXPECT_FALSE(stage_->service().has_logged(somebody)) << "numbers are masked in the log";
}

TEST_F(PuttingThrough, ToNobodyBringsTheCallerBackAndTheTalkGoesOn) {
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {wait_for_agent: {silent_for_ms: 300}}, "
        "{say: Then tell them that I called.}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    EXPECT_EQ(transfer(call->sid(), {{"to", nobody}}).status, 202);
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I will. Goodbye."), 0.8);
    ASSERT_EQ(report.dialled.size(), 1U);
    EXPECT_EQ(report.dialled[0].status, "no-answer");
    EXPECT_EQ(how_it_went(call->sid()), "no_answer ");
    EXPECT_EQ(stage_->ended(call->sid()).reason, "agent_hung_up");
    EXPECT_EQ(stage_->model().sessions().size(), 1U) << "the model has never left";
    EXPECT_THAT(told_to_the_model(), Contains(HasSubstr("Nobody took the call")));
    EXPECT_THAT(violations(stage_->model().sessions()[0]), IsEmpty());
}

TEST_F(PuttingThrough, ToAnEngagedNumberAndToOneThatDoesNotExistIsTheSame) {
    for (const auto& [number, how] :
         {std::pair{busy, "busy "},
          {std::string("+15550102006"), "failed the carrier could not reach the number"}}) {
        const auto call = dial(
            "steps: [{wait_for_agent: {silent_for_ms: 300}}, "
            "{wait_for_agent: {silent_for_ms: 300}}, hang_up]");
        ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
        EXPECT_EQ(transfer(call->sid(), {{"to", number}}).status, 202);
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
        EXPECT_EQ(how_it_went(call->sid()), how);
        EXPECT_EQ(stage_->ended(call->sid()).outcome, "caller_hung_up");
    }
}

TEST_F(PuttingThrough, OfACallerWhoHangsUpWhileItRingsEndsTheCall) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    EXPECT_EQ(transfer(call->sid(), {{"to", slow}}).status, 202);
    ASSERT_TRUE(has_happened(slow + " rings"));
    EXPECT_TRUE(eventually([&] { return state_of(call->sid()) == "transferred"; }));
    call->hang_up();
    const auto report = call->report();
    EXPECT_EQ(report.ended_by, "caller");
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "caller_hung_up");
    EXPECT_THAT(report.said, IsEmpty());
}

TEST_F(PuttingThrough, IsNoReasonForTheServiceToStay) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    EXPECT_EQ(transfer(call->sid(), {{"to", slow}}).status, 202);
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "transferred"; }));
    stage_->service().signal(SIGTERM);
    EXPECT_EQ(stage_->service().exit_status(10s), 0) << "the drain limit is 30 s";
    const auto row = stage_->ended(call->sid());
    EXPECT_EQ(row.outcome, "transferred");
    for (const auto& request : carrier_->rest_requests())
        EXPECT_NE(request.body, "Status=completed") << "the caller is with the carrier";
}

TEST_F(PuttingThrough, IsForListedNumbersOfCallsThatThereAre) {
    const auto call = dial("steps: [wait_for_hang_up]");
    ASSERT_TRUE(eventually([&] { return state_of(call->sid()) == "listening"; }));
    const auto answer = [&](const json::object& body, const std::string& sid) {
        const auto response = transfer(sid, body);
        return fmt::format("{} {}", response.status, response.body);
    };
    EXPECT_THAT(answer({{"to", "+4915550100009"}}, call->sid()),
                HasSubstr(R"(403 {"error":"calls.transfer_to does not allow this number")"));
    EXPECT_THAT(answer({{"to", "555"}}, call->sid()), HasSubstr("400 "));
    EXPECT_THAT(answer({{"x", 1}}, call->sid()), HasSubstr("400 "));
    EXPECT_THAT(answer({{"to", somebody}, {"words", std::string(600, 'x')}}, call->sid()),
                HasSubstr("400 "));
    EXPECT_THAT(answer({{"to", somebody}}, "CA404"), HasSubstr("404 "));
    net::Request bare;
    bare.method = "POST";
    bare.target = "/dashboard/api/calls/" + call->sid() + "/transfer";
    EXPECT_EQ(stage_->service().ask(bare).status, 401);
    EXPECT_EQ(state_of(call->sid()), "listening");
    call->hang_up();
    call->report();
    EXPECT_THAT(stage_->entries(call->sid(), "transfer_started"), IsEmpty());
}

// Signatures are right, and the REST API lets nobody in.
class WithoutRights : public PuttingThrough {
 protected:
    WithoutRights()
        : PuttingThrough({{"TWILIO_API_KEY", "SK00000000000000000000000000000001"},
                          {"TWILIO_API_SECRET", "wrong"}}) {}
};

TEST_F(WithoutRights, TheCallerStaysWithTheAgent) {
    const auto call = dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {wait_for_agent: {silent_for_ms: 300}}, "
        "{say: Then tell them that I called.}, wait_for_hang_up]");
    ASSERT_TRUE(has_happened("hears the agent"));
    EXPECT_EQ(transfer(call->sid(), {{"to", somebody}}).status, 202);
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.dialled, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "Nobody is there."), 0.8);
    EXPECT_GT(share_heard(report.heard, "I will. Goodbye."), 0.8);
    EXPECT_THAT(how_it_went(call->sid()), HasSubstr("failed "));
    EXPECT_TRUE(stage_->service().has_logged("twilio.transfer_failed"));
}

}  // namespace
}  // namespace parley::integration
