// The dashboard's JSON and events over real sockets, while a call goes on.
#include "stage.hpp"

namespace parley::integration {
namespace {

using testing::HasSubstr;

class OnTheDashboard : public testing::Test {
 protected:
    OnTheDashboard() : stage_(fast + "greeting: from_instructions\n") {}

    net::Response ask(const std::string& method, const std::string& path,
                      const json::value& body = nullptr) {
        net::Request request;
        request.method = method;
        request.target = path;
        request.headers.set("Authorization", "Bearer " + stage_.admin_token());
        if (!body.is_null()) {
            request.headers.set("Content-Type", "application/json");
            request.body = json::serialize(body);
        }
        return stage_.service().ask(std::move(request));
    }
    json::array active() {
        const auto answer = ask("GET", "/dashboard/api/calls/active");
        const auto body = json_read::parse(answer.body);
        return body && body->is_array() ? body->get_array() : json::array();
    }
    std::shared_ptr<sim::TwilioCall> dial(const std::string& first = "") {
        return stage_.dial(fmt::format("steps: [{}wait_for_hang_up]", first));
    }

    Stage stage_;
};

TEST_F(OnTheDashboard, ACallIsSeenWithItsStateAndEndedAfterLastWords) {
    const auto call = dial("{wait_for_agent: {silent_for_ms: 300}}, ");
    json::object seen;
    ASSERT_TRUE(eventually([&] {
        const auto all = active();
        if (all.size() == 1) seen = all[0].as_object();
        return text(seen, "state") == "listening" && number(seen, "turns") == 1;
    }));
    EXPECT_EQ(text(seen, "callSid"), call->sid());
    EXPECT_THAT(text(seen, "streamSid"), testing::StartsWith("MZ"));
    EXPECT_EQ(number(seen, "generation"), 1);
    EXPECT_EQ(text(seen, "aiStatus"), "listening");

    const auto path = "/api/calls/" + call->sid() + "/end";
    EXPECT_EQ(ask("POST", path, json::object{{"say", "We close now. Goodbye."}}).status, 202);
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, "We close now. Goodbye."), 0.8);
    const auto row = stage_.ended(call->sid());
    EXPECT_EQ(row.reason, "ended_by_operator");
    EXPECT_EQ(row.outcome, "no_booking");
    // The journal knows of the end a moment before the switchboard.
    EXPECT_TRUE(eventually([&] {
        return ask("POST", path, json::object{{"at_once", true}}).status == 404;
    })) << "it is over";
    EXPECT_TRUE(eventually([&] { return active().empty(); }));
    const auto audit = ask("GET", "/dashboard/api/audit").body;
    EXPECT_THAT(audit, HasSubstr("POST " + path));
}

TEST_F(OnTheDashboard, ACallIsEndedAtOnce) {
    const auto call = dial();
    ASSERT_TRUE(eventually([&] { return stage_.has_happened("hears the agent"); }));
    EXPECT_EQ(
        ask("POST", "/api/calls/" + call->sid() + "/end", json::object{{"at_once", true}}).status,
        202);
    EXPECT_EQ(stage_.ended(call->sid()).reason, "ended_by_operator");
    EXPECT_EQ(call->report().failure, "");
}

TEST_F(OnTheDashboard, WhatHappenedIsThereAfterARestart) {
    const auto call = dial();
    ASSERT_TRUE(eventually([&] { return active().size() == 1; }));
    ask("POST", "/api/calls/" + call->sid() + "/end", json::object{{"at_once", true}});
    stage_.ended(call->sid());
    call->report();
    stage_.restart();
    const auto history = json::parse(ask("GET", "/dashboard/api/calls/history").body).as_array();
    ASSERT_EQ(history.size(), 1U);
    EXPECT_EQ(text(history[0].as_object(), "callSid"), call->sid());
    EXPECT_EQ(text(history[0].as_object(), "reason"), "ended_by_operator");
    const auto metrics = json::parse(ask("GET", "/dashboard/api/metrics").body).as_object();
    EXPECT_EQ(number(metrics.at("counters").as_object(), "totalCalls"), 1);
}

}  // namespace
}  // namespace parley::integration
