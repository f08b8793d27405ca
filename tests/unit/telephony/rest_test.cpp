// The client of Twilio's REST API: its rules by themselves, and all of it against the fake, over
// sockets.
#include "twilio_test_support.hpp"

#include <parley/sim/twilio_server.hpp>

namespace parley::telephony {
namespace {

using Kind = RestFailure::Kind;

// ---- when to ask again ------------------------------------------------------------------------

TEST(RestRetry, WhatOnlyReadsIsAskedAgainAfterAnyPassingFailure) {
    const RetryRules rules;
    for (const auto kind : {Kind::busy, Kind::unreachable, Kind::unclear})
        EXPECT_TRUE(pause_before_next(rules, Repeat::freely, 1, {kind}, {}, 1));
    for (const auto kind : {Kind::refused, Kind::credentials, Kind::gone})
        EXPECT_FALSE(pause_before_next(rules, Repeat::freely, 1, {kind}, {}, 1));
}

TEST(RestRetry, ACallThatMayHaveBeenPlacedIsNeverPlacedAgain) {
    const RetryRules rules;
    EXPECT_FALSE(pause_before_next(rules, Repeat::when_undone, 1, {Kind::unclear, 500}, {}, 1));
    EXPECT_TRUE(pause_before_next(rules, Repeat::when_undone, 1, {Kind::busy, 429}, {}, 1));
    EXPECT_TRUE(pause_before_next(rules, Repeat::when_undone, 1, {Kind::unreachable}, {}, 1));
}

TEST(RestRetry, PausesGrowUpToALimitAndFollowRetryAfter) {
    const RetryRules rules{.tries_max = 20};
    const RestFailure busy{Kind::busy, 429};
    const auto pause = [&](int tries, std::optional<std::string_view> after = {},
                           double chance = 1) {
        return pause_before_next(rules, Repeat::freely, tries, busy, after, chance);
    };
    EXPECT_EQ(pause(1), 200ms);
    EXPECT_EQ(pause(2), 400ms);
    EXPECT_EQ(pause(15), 3'000ms);
    EXPECT_EQ(pause(1, {}, 0), 0ms);
    EXPECT_EQ(pause(1, "2", 0), 2'000ms);
    EXPECT_EQ(pause(1, "86400", 0), 30'000ms) << "nobody waits for a day";
    EXPECT_EQ(pause(1, "Wed, 21 Oct 2026 07:28:00 GMT"), 200ms);
    EXPECT_FALSE(pause(20));
}

TEST(RestAddress, KnowsRegionsAndEdges) {
    const std::string own = "https://api.twilio.com";
    EXPECT_EQ(regional_address(own, "", ""), own);
    EXPECT_EQ(regional_address(own, "ie1", "dublin"), "https://api.dublin.ie1.twilio.com");
    EXPECT_EQ(regional_address(own, "au1", ""), "https://api.au1.twilio.com");
    EXPECT_EQ(regional_address(own, "", "ashburn"), "https://api.ashburn.us1.twilio.com");
    EXPECT_EQ(regional_address("http://127.0.0.1:8091", "ie1", ""), "http://127.0.0.1:8091");
}

TEST(RestOptions, NeedAnAccountAndOneWayIn) {
    EXPECT_FALSE(TwilioRest::make({.account_sid = account_sid}));
    EXPECT_FALSE(TwilioRest::make({.account_sid = account_sid, .api_key = "SK1"}));
    EXPECT_FALSE(TwilioRest::make({.auth_token = Secret("x")}));
    EXPECT_TRUE(TwilioRest::make(
        {.account_sid = account_sid, .api_key = "SK1", .api_secret = Secret("x")}));
}

// ---- against the fake -------------------------------------------------------------------------

class RestAgainstTheFake : public testing::Test {
 protected:
    void start(sim::TwilioServer::Options options = {}) {
        options.account_sid = account_sid;
        options.auth_token = auth_token;
        options.api_key = "SK00000000000000000000000000000002";
        options.api_secret = "api-secret";
        fake = sim::TwilioServer::start(std::move(options)).value();
        rest = TwilioRest::make({.base_url = fake->base_url(),
                                 .account_sid = account_sid,
                                 .auth_token = Secret(auth_token)})
                   .value();
        threads.start();
    }
    void TearDown() override { threads.stop(); }

    template <class Answer>
    Answer ask(Task<Answer> asking) {
        return asio::co_spawn(threads.context(0), std::move(asking), asio::use_future).get();
    }
    NewCall call_to(const std::string& to) const {
        return {.to = to,
                .from = "+15550100001",
                .url = {},
                .twiml = "<Response><Pause length='60'/></Response>"};
    }
    bool has_status(const std::string& sid, std::string_view status) {
        const auto end = Clock::now() + patience;
        while (Clock::now() < end) {
            const auto found = ask(TwilioRest::fetch(rest, sid));
            if (found && found->status == status) return true;
        }
        return false;
    }

    net::IoThreads threads{1};
    std::unique_ptr<sim::TwilioServer> fake;
    TwilioRest::Ask rest;
};

TEST_F(RestAgainstTheFake, PlacesFetchesAndEndsACall) {
    start({.callees = {
               {.to = "*",
                .rings = 1ms,
                .script = sim::CallerScript::parse("steps: [wait_for_hang_up]", "x").value()}}});
    const auto placed = ask(TwilioRest::place(rest, call_to("+15550101009")));
    ASSERT_TRUE(placed) << placed.error().what;
    EXPECT_EQ(placed->status, "queued");
    EXPECT_EQ(placed->to, "+15550101009");
    ASSERT_TRUE(has_status(placed->sid, "in-progress"));
    EXPECT_EQ(ask(TwilioRest::end_call(rest, placed->sid)), TwilioRest::Ended::now);
    ASSERT_TRUE(has_status(placed->sid, "completed"));
    EXPECT_EQ(ask(TwilioRest::end_call(rest, placed->sid)), TwilioRest::Ended::before);
    EXPECT_EQ(ask(TwilioRest::end_call(rest, "CA404")), TwilioRest::Ended::before);
    const auto calls = ask(TwilioRest::calls(rest, {.to = "+15550101009"}));
    ASSERT_TRUE(calls);
    EXPECT_EQ(calls->size(), 1u);
}

TEST_F(RestAgainstTheFake, ChangesACallInProgress) {
    start({.callees = {{.to = "*", .rings = 1ms}}});
    const auto placed = ask(TwilioRest::place(rest, call_to("+15550101009")));
    ASSERT_TRUE(placed);
    ASSERT_TRUE(has_status(placed->sid, "in-progress"));
    ASSERT_TRUE(ask(TwilioRest::change(
        rest, placed->sid, {.twiml = "<Response><Say>Goodbye.</Say><Hangup/></Response>"})));
    ASSERT_TRUE(has_status(placed->sid, "completed"));
    EXPECT_EQ(fake->report_of(placed->sid)->said, std::vector<std::string>{"Goodbye."});
    const auto late = ask(TwilioRest::change(rest, placed->sid, {.twiml = "<Response/>"}));
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().kind, Kind::gone);
    EXPECT_EQ(late.error().code, 21220);
}

TEST_F(RestAgainstTheFake, TellsWhyACallIsRefused) {
    start({.numbers = {{"+15550100001", "Front desk"}}, .geo_prefixes = {"+1"}});
    const auto refused = [&](NewCall call) {
        const auto placed = ask(TwilioRest::place(rest, std::move(call)));
        return placed ? RestFailure{} : placed.error();
    };
    EXPECT_EQ(refused(call_to("12345")).code, 21211);
    EXPECT_EQ(refused(call_to("+4915550100009")).code, 21215);
    auto foreign = call_to("+15550101009");
    foreign.from = "+15550100009";
    EXPECT_EQ(refused(foreign).code, 21210);
    EXPECT_EQ(refused(foreign).kind, Kind::refused);
    auto wrong = TwilioRest::make({.base_url = fake->base_url(),
                                   .account_sid = account_sid,
                                   .auth_token = Secret("wrong")})
                     .value();
    const auto locked_out = ask(TwilioRest::place(wrong, call_to("+15550101009")));
    ASSERT_FALSE(locked_out);
    EXPECT_EQ(locked_out.error().kind, Kind::credentials);
    EXPECT_TRUE(fake->calls().empty());
}

TEST_F(RestAgainstTheFake, WaitsWhereTwilioIsBusy) {
    start({.creates_per_second = 1});
    // Asked for together: one comes too soon, however slow the machine is.
    std::vector<std::future<RestResult<CallResource>>> placing;
    for (const char* to : {"+15550101001", "+15550101002"})
        placing.push_back(asio::co_spawn(threads.context(0), TwilioRest::place(rest, call_to(to)),
                                         asio::use_future));
    for (auto& each : placing) ASSERT_TRUE(each.get());
    int busy = 0;
    for (const auto& request : fake->rest_requests()) busy += request.status == 429;
    EXPECT_GE(busy, 1);
    EXPECT_EQ(fake->calls().size(), 2u);
}

TEST_F(RestAgainstTheFake, ListsNumbersOfAllPages) {
    std::vector<sim::TwilioAccount::Number> numbers;
    for (int i = 0; i < 2'345; ++i)
        numbers.push_back({"+1555" + std::to_string(2'000'000 + i), "Line " + std::to_string(i)});
    start({.numbers = numbers});
    const auto found = ask(TwilioRest::numbers(rest));
    ASSERT_TRUE(found) << found.error().what;
    ASSERT_EQ(found->size(), numbers.size());
    EXPECT_EQ(found->back().phone_number, numbers.back().phone_number);
    EXPECT_EQ(found->front().friendly_name, "Line 0");
    EXPECT_EQ(found->front().sid.substr(0, 2), "PN");
    EXPECT_EQ(fake->rest_requests().size(), 3u);
}

TEST_F(RestAgainstTheFake, AnApiKeyIsAsGoodAsTheToken) {
    start({.numbers = {{"+15550100001", "Front desk"}}});
    const auto by_key = TwilioRest::make({.base_url = fake->base_url(),
                                          .account_sid = account_sid,
                                          .api_key = "SK00000000000000000000000000000002",
                                          .api_secret = Secret("api-secret")})
                            .value();
    EXPECT_TRUE(ask(TwilioRest::numbers(by_key)));
}

TEST_F(RestAgainstTheFake, RecordsAndSendsMessages) {
    start({.callees = {{.to = "*", .rings = 1ms}}});
    const auto placed = ask(TwilioRest::place(rest, call_to("+15550101009")));
    ASSERT_TRUE(placed);
    ASSERT_TRUE(has_status(placed->sid, "in-progress"));
    const auto begun =
        ask(TwilioRest::start_recording(rest, placed->sid, NewCall::Record::dual, ""));
    ASSERT_TRUE(begun) << begun.error().what;
    EXPECT_EQ(begun->status, "in-progress");
    const auto state = [&](RecordingState wanted) {
        const auto changed = ask(TwilioRest::set_recording(rest, placed->sid, "", wanted));
        return changed ? changed->status : changed.error().what;
    };
    EXPECT_EQ(state(RecordingState::paused), "paused");
    EXPECT_EQ(state(RecordingState::in_progress), "in-progress");
    EXPECT_EQ(state(RecordingState::stopped), "stopped");
    EXPECT_EQ(ask(TwilioRest::recording(rest, begun->sid))->status, "completed");
    const auto sent = ask(TwilioRest::send(
        rest, {.to = "+15550101009", .from = "+15550100001", .body = "See you tomorrow."}));
    ASSERT_TRUE(sent) << sent.error().what;
    EXPECT_EQ(sent->status, "queued");
    EXPECT_FALSE(ask(TwilioRest::send(rest, {.to = "+15550101009", .from = "", .body = "x"})));
    ask(TwilioRest::end_call(rest, placed->sid));
}

TEST_F(RestAgainstTheFake, NoAnswerIsUnclearAndNoServerIsNot) {
    start();
    const auto nowhere = TwilioRest::make({.base_url = "http://127.0.0.1:9",
                                           .account_sid = account_sid,
                                           .auth_token = Secret(auth_token),
                                           .retry = {.tries_max = 1}})
                             .value();
    const auto lost = ask(TwilioRest::place(nowhere, call_to("+15550101009")));
    ASSERT_FALSE(lost);
    EXPECT_EQ(lost.error().kind, Kind::unreachable);
    EXPECT_TRUE(lost.error().is_surely_undone());
}

// ---- callbacks --------------------------------------------------------------------------------

TEST(FakeTwilio, TellsItsCallbacksInOrderOrNot) {
    using Callbacks = sim::TwilioServer::Options::Callbacks;
    for (const auto order : {Callbacks::kept, Callbacks::shuffled}) {
        Inbox told;
        net::IoThreads threads{1};
        auto ears = net::Server::listen(
                        threads, {.host = "127.0.0.1"},
                        {.on_request = [&](net::Request request) -> Task<net::Response> {
                             std::string line;
                             for (const auto& [name, value] : net::parse_form(request.body)) {
                                 if (name == "CallStatus") line = value + " " + line;
                                 if (name == "SequenceNumber") line += value;
                                 if (name == "AnsweredBy") line += " by " + value;
                             }
                             const auto form = net::parse_form(request.body);
                             const auto right =
                                 signature(auth_token, "http://us.example/status", form);
                             told.add(request.headers.get("x-twilio-signature") == right
                                          ? line
                                          : "forged " + line);
                             co_return net::Response{.status = 204};
                         },
                         .on_upgrade = {}})
                        .value();
        threads.start();
        auto fake = sim::TwilioServer::start(
                        {.account_sid = account_sid,
                         .auth_token = auth_token,
                         .callees = {{.to = "*",
                                      .answer = sim::Callee::Answer::machine,
                                      .rings = 1ms,
                                      .detection = 1ms}},
                         .connect_to = "http://127.0.0.1:" + std::to_string(ears->port()),
                         .callbacks = order})
                        .value();
        const auto rest = TwilioRest::make({.base_url = fake->base_url(),
                                            .account_sid = account_sid,
                                            .auth_token = Secret(auth_token)})
                              .value();
        NewCall call{.to = "+15550101009",
                     .from = "+15550100001",
                     .url = {},
                     .twiml = "<Response><Pause length='1'/></Response>"};
        call.status_callback = "http://us.example/status";
        call.detection = NewCall::Detection::start;
        call.detection_callback = "http://us.example/status";
        const auto placed =
            asio::co_spawn(threads.context(0), TwilioRest::place(rest, call), asio::use_future)
                .get();
        ASSERT_TRUE(placed);
        for (const char* line :
             {"initiated 0", "ringing 1", "in-progress 2", "completed 3", " by machine_start"})
            EXPECT_TRUE(told.wait_for(line)) << line;
        if (order == Callbacks::kept) {
            const auto lines = told.lines();
            EXPECT_EQ(lines.front(), "initiated 0");
            EXPECT_EQ(lines.size(), 5u);
        }
        fake.reset();
        ears->close();
        threads.stop();
    }
}

}  // namespace
}  // namespace parley::telephony
