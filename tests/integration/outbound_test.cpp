// Calls that parley places: over its own HTTP, through the fake's REST API, to a callee and back.
#include "stage.hpp"

#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <set>
#include <shared_mutex>
#include <thread>

namespace parley::integration {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A carrier that is asked to call, and parley beside it.
struct Exchange {
    explicit Exchange(std::string_view model_yaml, sim::TwilioServer::Options options = {},
                      std::vector<std::string> flags = {}) {
        options.account_sid = account_sid;
        options.auth_token = auth_token;
        if (options.numbers.empty()) options.numbers = {{"+15550100001", "Front desk"}};
        carrier = sim::TwilioServer::start(std::move(options)).value();
        StageOptions wanted;
        wanted.environment = {{"TWILIO_ACCOUNT_SID", account_sid},
                              {"TWILIO_BASE_URL", carrier->base_url()},
                              {"TWILIO_PHONE_NUMBER", "+15550100001"}};
        wanted.overlay =
            "outbound: {allowed_prefixes: ['+1'], quiet_hours: '', calls_per_second: 200, "
            "calls_max: 200, per_day: 5000}\n";
        wanted.flags = std::move(flags);
        stage = std::make_unique<Stage>(model_yaml, std::move(wanted));
        reconnect();
    }
    void reconnect() { carrier->connect_to(stage->service().address()); }

    net::Response post(const std::string& path, const json::object& body,
                       const std::string& key = {}) {
        net::Request request;
        request.method = "POST";
        request.target = path;
        request.headers.set("Authorization", "Bearer " + stage->admin_token());
        request.headers.set("Content-Type", "application/json");
        if (!key.empty()) request.headers.set("Idempotency-Key", key);
        request.body = json::serialize(body);
        return stage->service().ask(std::move(request));
    }
    json::object call(const json::object& body) {
        const auto response = post("/api/call", body);
        auto parsed = json_read::parse(response.body);
        EXPECT_TRUE(parsed && parsed->is_object()) << response.status << response.body;
        return parsed && parsed->is_object() ? parsed->get_object() : json::object();
    }

    std::unique_ptr<sim::TwilioServer> carrier;
    std::unique_ptr<Stage> stage;
};

sim::Callee callee(sim::Callee::Answer answer, std::string to, std::string_view script = "") {
    sim::Callee who{.to = std::move(to), .answer = answer, .rings = 1ms, .detection = 20ms};
    if (!script.empty()) who.script = sim::CallerScript::parse(script, "callee").value();
    return who;
}

TEST(AnOutboundCall, IsLedByTheAgentWithItsVars) {
    using Answer = sim::Callee::Answer;
    Exchange exchange(
        fast + "greeting: \"Hello, this is Sarah.\"",
        {.callees = {callee(Answer::human, "*",
                            "steps: [{wait_for_agent: {silent_for_ms: 300}}, hang_up]")},
         .callbacks = sim::TwilioServer::Options::Callbacks::shuffled});
    const auto placed = exchange.call(
        {{"number", "+15550101009"}, {"agent", "sarah"}, {"vars", {{"clinic", "Harbour Dental"}}}});
    ASSERT_EQ(text(placed, "message"), "Call initiated to +15550101009");
    const auto sid = text(placed, "callSid");
    const auto row = exchange.stage->ended(sid);
    EXPECT_EQ(row.from, "+15550100001");
    EXPECT_EQ(row.to, "+15550101009");
    EXPECT_EQ(row.outcome, "caller_hung_up");
    ASSERT_TRUE(eventually([&] { return exchange.carrier->report_of(sid).has_value(); }));
    const auto report = *exchange.carrier->report_of(sid);
    EXPECT_EQ(report.failure, "");
    EXPECT_GT(share_heard(report.heard, "Hello, this is Sarah."), 0.8);
    const auto sessions = exchange.stage->model().sessions();
    ASSERT_EQ(sessions.size(), 1U);
    EXPECT_THAT(json::serialize(sessions[0].of_type("session.update").front()->event),
                HasSubstr("Harbour Dental"));
    EXPECT_TRUE(eventually([&] {
        return exchange.stage->value("SELECT state || ' ' || outcome FROM outbound_attempts") ==
               "over completed";
    }));
}

TEST(AnOutboundCall, ThatNobodyAnswersHasItsOutcome) {
    using Answer = sim::Callee::Answer;
    Exchange exchange(fast + "greeting: \"Hello.\"",
                      {.callees = {callee(Answer::busy, "+15550101001"),
                                   callee(Answer::no_answer, "+15550101002"),
                                   callee(Answer::failed, "+15550101003")}});
    for (const auto& [number, outcome] : {std::pair{"+15550101001", "busy"},
                                          {"+15550101002", "no_answer"},
                                          {"+15550101003", "failed"}}) {
        const auto sid = text(exchange.call({{"number", number}}), "callSid");
        EXPECT_EQ(exchange.stage->ended(sid).outcome, outcome);
    }
    EXPECT_EQ(exchange.stage->model().connections(), 0);
}

TEST(AnOutboundCall, LeavesItsMessageOnAMachine) {
    Exchange exchange(
        fast + "greeting: \"Hello.\"",
        {.callees = {callee(sim::Callee::Answer::machine, "*", "steps: [wait_for_hang_up]")}},
        {"-c", "examples/outbound-calls/parley.yaml", "--set", "transcripts.dir="});
    const auto sid =
        text(exchange.call(
                 {{"number", "+15550101009"}, {"agent", "reminder"}, {"vars", {{"name", "Ann"}}}}),
             "callSid");
    ASSERT_NE(sid, "");
    EXPECT_EQ(exchange.stage->ended(sid).outcome, "voicemail");
    ASSERT_TRUE(eventually([&] { return exchange.carrier->report_of(sid).has_value(); }));
    EXPECT_THAT(exchange.carrier->report_of(sid)->said,
                ElementsAre(HasSubstr("Hello Ann, this is Riverside Medical.")));
}

TEST(Calling, SaysWhatIsWrong) {
    Exchange exchange(fast + "greeting: \"Hello.\"");
    const auto answer = [&](const std::string& path, const json::object& body) {
        const auto response = exchange.post(path, body);
        return fmt::format("{} {}", response.status, response.body);
    };
    EXPECT_EQ(answer("/api/call", {{"x", 1}}), R"(400 {"error":"Phone number is required"})");
    EXPECT_EQ(answer("/api/end-call", {{"x", 1}}), R"(400 {"error":"Call SID is required"})");
    EXPECT_THAT(answer("/api/call", {{"number", "+4915550100009"}}),
                HasSubstr(R"(403 {"error":"Call not allowed","details":)"));
    EXPECT_THAT(answer("/api/call", {{"number", "555"}}), HasSubstr("400 "));
    EXPECT_THAT(answer("/api/call", {{"number", "+15550101009"}, {"agent", "nobody"}}),
                HasSubstr(R"(400 {"error":"Unknown agent")"));
    EXPECT_THAT(answer("/api/call", {{"number", "+15550101009"}, {"vars", {{"nonsense", 1}}}}),
                HasSubstr(R"(400 {"error":"Unknown variable")"));
    EXPECT_THAT(answer("/api/call", {{"number", "+15550101009"}, {"fromNumber", "+15550109999"}}),
                HasSubstr("21210"));
    EXPECT_THAT(answer("/api/end-call", {{"callSid", "CA404"}}),
                HasSubstr(R"(500 {"error":"Failed to end call","details":)"));
    const auto added =
        exchange.stage->service().command({"dnc", "add", "+15550101009", "--reason", "asked us",
                                           "--database", exchange.stage->database()});
    EXPECT_EQ(added.status, 0) << added.output;
    EXPECT_THAT(answer("/api/call", {{"number", "+15550101009"}}), HasSubstr("do_not_call"));
    EXPECT_THAT(exchange.stage->service()
                    .command({"dnc", "list", "--database", exchange.stage->database()})
                    .output,
                HasSubstr("asked us"));
    EXPECT_TRUE(exchange.carrier->calls().empty());
    net::Request bare;
    bare.method = "POST";
    bare.target = "/api/call";
    EXPECT_EQ(exchange.stage->service().ask(bare).status, 401);
}

TEST(CallMe, IsAFormThatCallsAndAGetThatDoesNot) {
    Exchange exchange(fast + "greeting: \"Hello.\"");
    const auto get = [&](const std::string& target) {
        net::Request request;
        request.method = "GET";
        request.target = target;
        request.headers.set("Authorization", "Bearer " + exchange.stage->admin_token());
        return exchange.stage->service().ask(std::move(request));
    };
    const auto page = get("/twilio/call-me?to=%2B15550101009%22%3E");
    EXPECT_EQ(page.status, 200);
    EXPECT_THAT(page.body, HasSubstr("value=\"+15550101009&quot;&gt;\""));
    EXPECT_TRUE(exchange.carrier->calls().empty());
    const auto called = exchange.post("/twilio/call-me", {{"to", "+15550101009"}});
    EXPECT_THAT(
        called.body,
        HasSubstr(R"("ok":true,"message":"Calling you now. Answer the phone!","callSid":"CA)"));
    EXPECT_THAT(exchange.post("/twilio/call-me", {{"to", "+4915550100009"}}).body,
                HasSubstr(R"("ok":false)"));
}

// 500 calls at the account's limit, the process killed in between: none lost, none twice.
TEST(ACrash, InTheMiddleOfManyCallsLosesNoneAndPlacesNoneTwice) {
    // Most are busy: a line of ten is enough to see that calls are led as well.
    Exchange exchange(fast + "greeting: \"Hello.\"",
                      {.creates_per_second = 60,
                       .callees = {callee(sim::Callee::Answer::human, "+1555020004*"),
                                   callee(sim::Callee::Answer::busy, "*")}});
    constexpr int wanted = 500;
    std::vector<std::string> numbers;
    for (int i = 0; i < wanted; ++i) numbers.push_back(fmt::format("+1555020{:04}", i));
    // Clients that send again what was not answered, under the same key.
    std::atomic<std::size_t> next = 0;
    std::shared_mutex service;  // is being replaced
    std::vector<std::thread> clients;
    for (int client = 0; client < 8; ++client) {
        clients.emplace_back([&] {
            for (std::size_t i = next++; i < numbers.size(); i = next++) {
                const bool done = eventually(
                    [&] {
                        const std::shared_lock lock(service);
                        const auto response = exchange.post("/api/call", {{"number", numbers[i]}},
                                                            "client-" + numbers[i]);
                        return response.status == 200;
                    },
                    100s);
                EXPECT_TRUE(done) << numbers[i];
            }
        });
    }
    EXPECT_TRUE(eventually([&] { return exchange.carrier->calls().size() > 150; }));
    exchange.stage->service().signal(SIGKILL);
    {
        const std::unique_lock lock(service);
        exchange.stage->service().exit_status();
        EXPECT_LT(exchange.carrier->calls().size(), numbers.size());
        exchange.stage->restart();
        exchange.reconnect();
    }
    for (auto& client : clients) client.join();
    EXPECT_TRUE(
        eventually([&] { return exchange.carrier->calls().size() >= numbers.size(); }, 60s));
    EXPECT_TRUE(eventually(
        [&] {
            return exchange.stage->value(
                       "SELECT count(*) FROM outbound_attempts WHERE state <> 'over'") == "0";
        },
        60s));
    std::multiset<std::string> called;
    for (const auto& call : exchange.carrier->calls()) called.insert(call.to);
    EXPECT_EQ(called.size(), numbers.size());
    EXPECT_EQ(std::set<std::string>(called.begin(), called.end()),
              std::set<std::string>(numbers.begin(), numbers.end()));
    EXPECT_EQ(exchange.stage->value("SELECT count(DISTINCT call_sid) FROM outbound_attempts"),
              "500");
}

}  // namespace
}  // namespace parley::integration
