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
        EXPECT_TRUE(TwilioService::is_ours(ours)) << ours;
    for (const char* other : {"/", "", "/health", "/voices", "/voice/x", "/media-stream/x",
                              "/media-streams", "/media-stream/1/2"})
        EXPECT_FALSE(TwilioService::is_ours(other)) << other;
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

TEST(TwilioWebhook, SaysWhyThereIsNobody) {
    Desk desk;
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
