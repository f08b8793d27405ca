#include "twilio_test_support.hpp"

#include <parley/core/crypto.hpp>

namespace parley::telephony {
namespace {

using Refusal = call::Switchboard::Refusal;

const std::string base = "https://voice.example.com";

struct Desk {
    explicit Desk(TwilioService::Options options = options_for(base))
        : service(std::move(options), calls,
                  [this](std::string_view to) -> std::optional<TwilioService::Route> {
                      if (to == "+15550100002") return TwilioService::Route{"sarah", basis};
                      return std::nullopt;
                  }) {}

    net::Response voice(const FormFields& form) {
        return service.answer(signed_post(base, "/voice", form));
    }
    net::Response ended(const std::string& call_sid) {
        return service.answer(signed_post(base, "/voice/ended",
                                          {{"AccountSid", account_sid}, {"CallSid", call_sid}}));
    }

    std::shared_ptr<const int> basis = std::make_shared<const int>(7);
    std::shared_ptr<FakeCalls> calls = std::make_shared<FakeCalls>();
    TwilioService service;
};

bool has(const net::Response& response, std::string_view text) {
    return response.body.find(text) != std::string::npos;
}

TEST(TwilioWebhook, RefusesForgedRequestsWithoutAWord) {
    Desk desk;
    net::Request request = signed_post(base, "/voice", incoming("CA1"));
    request.headers.set("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    const net::Response response = desk.service.answer(request);
    EXPECT_EQ(response.status, 403);
    EXPECT_EQ(response.body, "Forbidden.\n");

    net::Request unsigned_request = signed_post(base, "/voice", incoming("CA1"));
    unsigned_request.headers = {};
    EXPECT_EQ(desk.service.answer(unsigned_request).status, 403);

    net::Request other_body = signed_post(base, "/voice", incoming("CA1"));
    other_body.body += "&To=%2B19005550000";
    EXPECT_EQ(desk.service.answer(other_body).status, 403);

    net::Request other_ended = signed_post(base, "/voice", incoming("CA1"));
    other_ended.target = "/voice/ended";
    EXPECT_EQ(desk.service.answer(other_ended).status, 403);
    EXPECT_TRUE(desk.calls->announced.empty());
}

TEST(TwilioWebhook, WithoutATokenNothingIsAccepted) {
    TwilioService::Options options = options_for(base);
    options.auth_tokens.clear();
    Desk desk(options);
    EXPECT_EQ(desk.voice(incoming("CA1")).status, 403);
}

TEST(TwilioWebhook, RefusesOtherAccounts) {
    Desk desk;
    FormFields form = incoming("CA1");
    form[0].second = "AC00000000000000000000000000000009";
    EXPECT_EQ(desk.voice(form).status, 403);
    form.erase(form.begin());
    EXPECT_EQ(desk.voice(form).status, 403);
    EXPECT_TRUE(desk.calls->announced.empty());
}

TEST(TwilioWebhook, ACallNeedsASid) {
    Desk desk;
    EXPECT_EQ(desk.voice({{"AccountSid", account_sid}, {"To", "+15550100002"}}).status, 400);
    EXPECT_EQ(desk.voice(incoming("")).status, 400);
    EXPECT_EQ(desk.voice(incoming("CA1/../x")).status, 400);
    EXPECT_EQ(desk.voice(incoming(std::string(65, 'a'))).status, 400);
    EXPECT_TRUE(desk.calls->announced.empty());
}

TEST(TwilioWebhook, KnowsItsPathsAndMethods) {
    Desk desk;
    EXPECT_EQ(desk.service.answer(signed_post(base, "/voices", incoming("CA1"))).status, 404);
    net::Request request = signed_post(base, "/voice", incoming("CA1"));
    request.method = "DELETE";
    const net::Response refused = desk.service.answer(request);
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.headers.get("allow"), "GET, POST");
    EXPECT_EQ(desk.service.answer({"GET", "/media-stream", {}, "", ""}).status, 426);
    for (const char* ours : {"/voice", "/voice/", "/voice/ended", "/media-stream", "/media-stream/",
                             "/media-stream/3"})
        EXPECT_TRUE(desk.service.is_ours(ours)) << ours;
    for (const char* other : {"/", "", "/health", "/voices", "/voice/x", "/media-stream/x",
                              "/media-streams", "/media-stream/1/2"})
        EXPECT_FALSE(desk.service.is_ours(other)) << other;
}

// As the users of older systems have them in Twilio's console.
TwilioService::Options options_with_many_paths() {
    TwilioService::Options options = options_for(base);
    options.paths = {
        {"/voice", "/voice/stream", {"POST"}, {"Hi & welcome", "Polly.Joanna", "en-US"}},
        {"/twiml", "/call"},
        {"/incoming-call", "/media-stream"},
        {"/twilio/voice", "/twilio-stream"}};
    return options;
}

TEST(TwilioWebhook, SeveralPathsServeAtOnceAndEachAnnouncesItsStream) {
    Desk desk(options_with_many_paths());
    const auto asked = [&](const std::string& path, const std::string& sid) {
        return desk.service.answer(signed_post(base, path, incoming(sid)));
    };
    const auto twiml = asked("/twiml", "CA1");
    EXPECT_TRUE(has(twiml, "\"wss://voice.example.com/call\"")) << twiml.body;
    EXPECT_TRUE(has(twiml, "\"https://voice.example.com/twiml/ended\""));
    EXPECT_FALSE(has(twiml, "<Say"));
    EXPECT_TRUE(has(asked("/incoming-call/", "CA2"), "\"wss://voice.example.com/media-stream\""));
    EXPECT_TRUE(has(asked("/twilio/voice", "CA3"), "\"wss://voice.example.com/twilio-stream\""));
    for (const char* stream : {"/voice/stream", "/call/7", "/twilio-stream", "/media-stream"})
        EXPECT_TRUE(desk.service.is_ours(stream)) << stream;
    EXPECT_EQ(desk.service.admit({"GET", "/calls", {}, "", ""}).refusal->status, 404);
    const auto right = signature(auth_token, "wss://voice.example.com/call");
    net::Request upgrade{"GET", "/call", {}, "", ""};
    upgrade.headers.set("X-Twilio-Signature", right);
    EXPECT_FALSE(desk.service.admit(upgrade).refusal);
}

TEST(TwilioWebhook, TheCarrierGreetsWhereItIsToldTo) {
    Desk desk(options_with_many_paths());
    const auto response = desk.voice(incoming("CA1"));
    EXPECT_TRUE(
        has(response,
            "<Response><Say voice=\"Polly.Joanna\" language=\"en-US\">Hi &amp; welcome</Say>"
            "<Connect action=\"https://voice.example.com/voice/ended\">"))
        << response.body;
    ASSERT_EQ(desk.calls->announced.size(), 1u);
    EXPECT_EQ(desk.calls->announced[0].greeted_with, "Hi & welcome");
}

TEST(TwilioWebhook, TakesOnlyTheMethodsOfThePath) {
    Desk desk(options_with_many_paths());
    const auto refused = desk.service.answer({"GET", "/voice?CallSid=CA1", {}, "", ""});
    EXPECT_EQ(refused.status, 405);
    EXPECT_EQ(refused.headers.get("allow"), "POST");
    EXPECT_EQ(desk.service.answer({"GET", "/twiml?CallSid=CA1", {}, "", ""}).status, 403)
        << "allowed, but unsigned";
}

TEST(TwilioWebhook, ListsItsDoors) {
    std::string all;
    for (const auto& door : Desk(options_with_many_paths()).service.doors()) all += door.path + " ";
    EXPECT_EQ(all,
              "/twilio/status /voice /voice/ended /voice/transferred /voice/briefing /voice/stream "
              "/voice/stream/:thread /twiml /twiml/ended /twiml/transferred /twiml/briefing /call "
              "/call/:thread /incoming-call /incoming-call/ended /incoming-call/transferred "
              "/incoming-call/briefing /media-stream /media-stream/:thread /twilio/voice "
              "/twilio/voice/ended /twilio/voice/transferred /twilio/voice/briefing /twilio-stream "
              "/twilio-stream/:thread ");
}

TEST(TwilioWebhook, ACallThatWeHavePlacedIsLedByWhomItsMarkNames) {
    TwilioService::Options options = options_for(base);
    options.outgoing = [](std::string_view attempt,
                          std::string_view call_sid) -> std::optional<TwilioService::Outgoing> {
        if (attempt != "mark-1" || call_sid != "CA1") return std::nullopt;
        return TwilioService::Outgoing{"reminder", {{"name", "Ann"}}, nullptr};
    };
    Desk desk(std::move(options));
    FormFields form = incoming("CA1");
    form[2].second = "in-progress";
    const auto asked = [&](const std::string& mark) {
        const auto url = TwilioService::voice_url(base, {}, mark);
        return desk.service.answer(signed_post(base, url.substr(base.size()), form));
    };
    EXPECT_TRUE(has(asked("mark-2"), "<Response><Hangup/></Response>"));
    EXPECT_TRUE(desk.calls->announced.empty());
    const auto response = asked("mark-1");
    EXPECT_TRUE(has(response, "name=\"callerNumber\" value=\"+15550100002\"")) << response.body;
    ASSERT_EQ(desk.calls->announced.size(), 1u);
    const auto& info = desk.calls->announced[0];
    EXPECT_EQ(info.direction, "outbound");
    EXPECT_EQ(info.agent, "reminder");
    EXPECT_EQ(info.vars, (json::object{{"name", "Ann"}}));
    EXPECT_EQ(info.other_party(), "+15550100002");
}

TEST(TwilioWebhook, TellsHowPlacedCallsGo) {
    std::vector<TwilioService::StatusReport> told;
    TwilioService::Options options = options_for(base);
    options.told = [&](const TwilioService::StatusReport& report) { told.push_back(report); };
    Desk desk(std::move(options));
    const auto path = TwilioService::status_url(base, "mark-1").substr(base.size());
    const FormFields form{{"AccountSid", account_sid}, {"CallSid", "CA1"},
                          {"CallStatus", "completed"}, {"SequenceNumber", "3"},
                          {"CallDuration", "12"},      {"AnsweredBy", "human"}};
    EXPECT_EQ(desk.service.answer(signed_post(base, path, form)).status, 204);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].attempt, "mark-1");
    EXPECT_EQ(told[0].call_sid, "CA1");
    EXPECT_EQ(told[0].status, "completed");
    EXPECT_EQ(told[0].answered_by, "human");
    EXPECT_EQ(told[0].sequence, 3);
    EXPECT_EQ(told[0].duration_s, 12);
    net::Request forged = signed_post(base, path, form);
    forged.target = "/twilio/status?attempt=mark-2";
    EXPECT_EQ(desk.service.answer(forged).status, 403);
    EXPECT_EQ(desk.service.answer({"GET", path, {}, "", ""}).status, 405);
    EXPECT_EQ(told.size(), 1u);
}

TEST(TwilioWebhook, ConnectsACallToItsAgent) {
    Desk desk;
    const net::Response response = desk.voice(incoming("CA1"));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "text/xml; charset=utf-8");
    EXPECT_EQ(
        response.body,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect action=\"https://voice.example.com/voice/ended\">"
        "<Stream url=\"wss://voice.example.com/media-stream\"><Parameter name=\"callSid\" value=\"CA1\"/>"
        "<Parameter name=\"callerNumber\" value=\"+15550100001\"/><Parameter name=\"token\" value=\"token-of-CA1\"/></Stream></Connect></Response>");
    ASSERT_EQ(desk.calls->announced.size(), 1u);
    EXPECT_EQ(desk.calls->announced[0].agent, "sarah");
    EXPECT_EQ(desk.calls->announced[0].from, "+15550100001");
    EXPECT_EQ(desk.calls->announced[0].to, "+15550100002");
    EXPECT_EQ(desk.calls->announced[0].channel, "twilio");
    EXPECT_EQ(desk.calls->announced[0].basis, desk.basis);
}

TEST(TwilioWebhook, TakesAGetWithTheSameFieldsInTheQuery) {
    Desk desk;
    net::Request request;
    request.method = "GET";
    request.target = "/voice?" + net::encode_form(incoming("CA1"));
    request.headers.set("X-Twilio-Signature", signature(auth_token, base + request.target));
    const net::Response response = desk.service.answer(request);
    EXPECT_EQ(response.status, 200);
    EXPECT_TRUE(has(response, "token-of-CA1"));
    EXPECT_EQ(response.headers.get("cache-control"), "no-store");
    request.target += "&To=%2B1900";
    EXPECT_EQ(desk.service.answer(request).status, 403);
}

TEST(TwilioWebhook, TheStreamNamesTheCallsThreadWhenThereAreSeveral) {
    TwilioService::Options options = options_for(base);
    options.io_threads = 4;
    Desk desk(options);
    desk.calls->home = 3;
    EXPECT_TRUE(has(desk.voice(incoming("CA1")), "\"wss://voice.example.com/media-stream/3\""));
}

TEST(TwilioWebhook, APlainAddressGivesAPlainStream) {
    Desk desk(options_for("http://127.0.0.1:3000/"));
    const net::Response response =
        desk.service.answer(signed_post("http://127.0.0.1:3000", "/voice", incoming("CA1")));
    EXPECT_TRUE(has(response, "\"ws://127.0.0.1:3000/media-stream\"")) << response.body;
    EXPECT_TRUE(has(response, "\"http://127.0.0.1:3000/voice/ended\""));
}

TEST(TwilioWebhook, WithoutAPublicUrlTheHostIsBelieved) {
    Desk desk(options_for(""));
    net::Request request = signed_post("https://tunnel.example.net", "/voice", incoming("CA1"));
    request.headers.set("Host", "tunnel.example.net");
    EXPECT_TRUE(has(desk.service.answer(request), "wss://tunnel.example.net/media-stream"));
    request.headers.set("Host", "evil.example.net");
    EXPECT_EQ(desk.service.answer(request).status, 403);
    request.headers.set("Host", "a\"b");
    EXPECT_EQ(desk.service.answer(request).status, 400);
    request.headers = {};
    EXPECT_EQ(desk.service.answer(request).status, 400);
}

TEST(TwilioWebhook, ValidationCanBeSwitchedOff) {
    TwilioService::Options options = options_for(base);
    options.signatures = TwilioService::Signatures::ignored;
    options.auth_tokens.clear();
    Desk desk(options);
    net::Request request = signed_post(base, "/voice", incoming("CA1"));
    request.headers.set("X-Twilio-Signature", "wrong");
    EXPECT_EQ(desk.service.answer(request).status, 200);
}

TEST(TwilioWebhook, SaysWhyThereIsNobodyAndCountsIt) {
    metrics::Registry registry;
    call::Figures figures(registry);
    auto options = options_for(base);
    options.figures = &figures;
    Desk desk(std::move(options));
    FormFields form = incoming("CA1");
    form[4].second = "+15550109999";
    const net::Response nobody = desk.voice(form);
    EXPECT_EQ(nobody.status, 200);
    EXPECT_TRUE(has(nobody, "<Say>We are sorry, this number is not in service.</Say><Hangup/>"));

    desk.calls->refusal = Refusal::busy;
    EXPECT_TRUE(has(desk.voice(incoming("CA2")), "<Response><Reject reason=\"busy\"/></Response>"));
    desk.calls->refusal = Refusal::draining;
    EXPECT_TRUE(has(desk.voice(incoming("CA2")), "being restarted"));
    desk.calls->refusal = Refusal::unknown_agent;
    EXPECT_TRUE(has(desk.voice(incoming("CA2")), "not in service"));
    desk.calls->refusal = Refusal::duplicate;
    EXPECT_TRUE(has(desk.voice(incoming("CA2")), "<Response><Hangup/></Response>"));
    EXPECT_EQ(figures.refused_busy.value(), 1);
    EXPECT_EQ(figures.refused_draining.value(), 1);
    EXPECT_EQ(figures.refused_no_agent.value(), 2);
}

TEST(TwilioWebhook, AnOldRequestSentAgainStartsNothing) {
    Desk desk;
    desk.calls->endings["CA1"] = {"no_booking", "caller_hung_up"};
    EXPECT_TRUE(has(desk.voice(incoming("CA1")), "<Response><Hangup/></Response>"));
    EXPECT_TRUE(desk.calls->announced.empty());
}

TEST(TwilioWebhook, AfterTheStreamItHangsUpOrApologises) {
    Desk desk;
    desk.calls->endings = {{"CA1", {"appointment_booked", "agent_hung_up"}},
                           {"CA2", {"error", "provider_lost_unspoken"}},
                           {"CA3", {"error", "provider_lost"}},
                           {"CA4", {"error", "channel_lost"}}};
    EXPECT_TRUE(has(desk.ended("CA1"), "<Response><Hangup/></Response>"));
    EXPECT_TRUE(has(desk.ended("CA2"), "<Say>We are sorry, we have a technical problem."));
    EXPECT_TRUE(has(desk.ended("CA3"), "<Response><Hangup/></Response>"))
        << "the call has said so itself";
    EXPECT_TRUE(has(desk.ended("CA4"), "technical problem"));
    EXPECT_TRUE(has(desk.ended("CA9"), "technical problem")) << "a call of another node";
    EXPECT_EQ(desk.calls->left, std::vector<std::string>{"CA9"}) << "its stream never opened";
}

using How = call::TransferEnded::How;

FormFields transferred(const std::string& call_sid, const std::string& status) {
    auto form = incoming(call_sid);
    form[2].second = "in-progress";
    form.insert(form.end(),
                {{"Direction", "inbound"}, {"DialCallSid", "CAother"}, {"DialCallStatus", status}});
    return form;
}

TEST(TwilioWebhook, ATransferThatSomebodyTookIsTheEnd) {
    Desk desk;
    desk.calls->away = {"CA1"};
    const auto answer = desk.service.answer(
        signed_post(base, "/voice/transferred", transferred("CA1", "completed")));
    EXPECT_TRUE(has(answer, "<Response><Hangup/></Response>"));
    ASSERT_EQ(desk.calls->transfers.size(), 1u);
    EXPECT_EQ(desk.calls->transfers[0].second, How::answered);
}

TEST(TwilioWebhook, ATransferThatNobodyTookBringsTheCallerBack) {
    for (const auto& [status, how] : {std::pair{"no-answer", How::no_answer},
                                      {"busy", How::busy},
                                      {"failed", How::failed},
                                      {"canceled", How::failed}}) {
        Desk desk(options_with_many_paths());
        desk.calls->away = {"CA1"};
        const auto answer = desk.service.answer(
            signed_post(base, "/voice/transferred", transferred("CA1", status)));
        EXPECT_TRUE(has(answer, "<Stream url=\"wss://voice.example.com/voice/stream\">")) << status;
        EXPECT_TRUE(has(answer, "name=\"token\" value=\"token-of-CA1\""));
        EXPECT_TRUE(has(answer, "name=\"callerNumber\" value=\"+15550100001\""));
        EXPECT_TRUE(has(answer, "\"https://voice.example.com/voice/ended\""));
        EXPECT_FALSE(has(answer, "<Say")) << "the caller has been greeted";
        ASSERT_EQ(desk.calls->transfers.size(), 1u);
        EXPECT_EQ(desk.calls->transfers[0].second, how) << status;
    }
}

TEST(TwilioWebhook, ACallerWhoHangsUpMeanwhileIsGone) {
    Desk desk;
    desk.calls->away = {"CA1"};
    auto form = transferred("CA1", "no-answer");
    form[2].second = "completed";
    desk.service.answer(signed_post(base, "/voice/transferred", form));
    EXPECT_TRUE(desk.calls->transfers.empty());
    EXPECT_EQ(desk.calls->left, std::vector<std::string>{"CA1"});
}

TEST(TwilioWebhook, ACallerWithoutAnAgentToComeBackToHearsAnApology) {
    Desk desk;
    EXPECT_TRUE(has(desk.service.answer(
                        signed_post(base, "/voice/transferred", transferred("CA9", "no-answer"))),
                    "technical problem"));
    EXPECT_FALSE(has(desk.service.answer(
                         signed_post(base, "/voice/transferred", transferred("CA9", "completed"))),
                     "technical problem"))
        << "they have spoken with somebody";
}

TEST(TwilioWebhook, DoorsOfTransfersAreGuarded) {
    Desk desk;
    desk.calls->away = {"CA1"};
    for (const char* path : {"/voice/transferred", "/voice/briefing?transfer=ab"}) {
        auto forged = signed_post(base, path, transferred("CA1", "completed"));
        forged.headers.set("X-Twilio-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        EXPECT_EQ(desk.service.answer(forged).status, 403) << path;
        auto other = signed_post(base, "/voice", transferred("CA1", "completed"));
        other.target = path;
        EXPECT_EQ(desk.service.answer(other).status, 403) << path;
        auto asked = signed_post(base, path, transferred("CA1", "completed"));
        asked.method = "GET";
        EXPECT_EQ(desk.service.answer(asked).status, 405) << path;
    }
    EXPECT_TRUE(desk.calls->transfers.empty());
    EXPECT_TRUE(has(
        desk.service.answer(signed_post(base, "/voice/briefing?transfer=ab", incoming("CAother"))),
        "<Response><Hangup/></Response>"))
        << "of a transfer that nobody knows";
}

TEST(TwilioWebhook, ACallWhoseAgentCannotBePreparedEndsWithAnApology) {
    boost::asio::io_context io;
    call::Switchboard switchboard(
        {}, {io.get_executor()},
        [](const call::CallInfo&, std::size_t) -> Checked<call::Session::Parts> {
            return Fault{"scripts/agents/sarah.lua", "is missing"};
        },
        [] { return std::size_t{0}; }, [](std::size_t, int) {});
    const auto calls = std::make_shared<SwitchboardCalls>(switchboard);
    TwilioService service(options_for(base), calls,
                          [](std::string_view) { return TwilioService::Route{"sarah"}; });

    const net::Response connected = service.answer(signed_post(base, "/voice", incoming("CA1")));
    EXPECT_TRUE(has(connected, "<Connect")) << connected.body;
    EXPECT_FALSE(calls->claim("guessed", "CA1", 0));
    EXPECT_EQ(switchboard.live_count(), 1u);
    io.poll();  // the session is started, and fails
    EXPECT_FALSE(calls->claim("any", "CA1", 0));
    EXPECT_TRUE(has(service.answer(signed_post(base, "/voice/ended", incoming("CA1"))),
                    "technical problem"));
}

TEST(TwilioWebhook, AnUpgradeNeedsAGenuineSignature) {
    Desk desk;
    const auto upgrade = [&](const std::string& target, const std::string& sent) {
        net::Request request;
        request.method = "GET";
        request.target = target;
        if (!sent.empty()) request.headers.set("x-twilio-signature", sent);
        return desk.service.admit(request);
    };
    const std::string right = signature(auth_token, "wss://voice.example.com/media-stream");
    EXPECT_EQ(upgrade("/media-stream", "").refusal->status, 403);
    EXPECT_EQ(upgrade("/media-stream", signature("guess", "wss://voice.example.com/media-stream"))
                  .refusal->status,
              403);
    EXPECT_EQ(upgrade("/media-stream/0", right).refusal->status, 403) << "signed for another path";
    EXPECT_EQ(upgrade("/other", right).refusal->status, 404);
    EXPECT_FALSE(upgrade("/media-stream", right).refusal);
    EXPECT_FALSE(upgrade("/media-stream/", right).refusal);
    EXPECT_TRUE(upgrade("/media-stream", right).serve);
}

TEST(TwilioWebhook, AStreamGoesToTheThreadItNames) {
    TwilioService::Options options = options_for(base);
    options.io_threads = 3;
    options.signatures = TwilioService::Signatures::ignored;
    Desk desk(options);
    EXPECT_EQ(desk.service.admit({"GET", "/media-stream/2", {}, "", ""}).home, 2u);
    EXPECT_LT(desk.service.admit({"GET", "/media-stream/9", {}, "", ""}).home, 3u)
        << "written when there were more threads";
    EXPECT_LT(desk.service.admit({"GET", "/media-stream", {}, "", ""}).home, 3u);
    EXPECT_EQ(desk.service.admit({"GET", "/media-stream/99999", {}, "", ""}).refusal->status, 404);
}

}  // namespace
}  // namespace parley::telephony
