#include "twilio_test_support.hpp"

namespace parley::telephony {
namespace {

// A service behind a real server on loopback, and a phone on a thread of its own.
class TwilioStreamTest : public ::testing::Test {
 protected:
    void SetUp() override { serve({}); }
    void TearDown() override {
        on_home([&] { calls->session->channel.reset(); });
        phone.reset();
        server->close();
        threads.stop();
        client_threads.stop();
    }

    struct Wishes {
        StreamLimits limits = {};
        std::shared_ptr<const TwilioRest> rest = {};
    };
    void serve(Wishes wishes) {
        if (server) server->close();
        threads.start();
        client_threads.start();
        TwilioService::Options options = options_for("");
        options.io_threads = threads.count();
        options.limits = wishes.limits;
        options.rest = std::move(wishes.rest);
        options.figures = &figures;
        // The port is known only after listening; the public URL is made of it.
        auto listening = net::Server::listen(
            threads, {.host = "127.0.0.1"},
            {.on_request =
                 [this](net::Request request) { return current().on_request(std::move(request)); },
             .on_upgrade =
                 [this](net::Request request) {
                     return current().on_upgrade(std::move(request));
                 }});
        ASSERT_TRUE(listening);
        server = std::move(*listening);
        options.public_url = "http://127.0.0.1:" + std::to_string(server->port());
        const std::lock_guard lock(service_mutex);
        service = std::make_unique<TwilioService>(std::move(options), calls, [](std::string_view) {
            return TwilioService::Route{"sarah"};
        });
        phone = std::make_unique<Phone>(client_threads, server->port());
    }
    // Opened, started, attached.
    void call() {
        ASSERT_EQ(phone->open("/media-stream"), 101);
        phone->start("CA1", "token-of-CA1");
        ASSERT_TRUE(session().events.wait_for("attached"));
    }
    TwilioService& current() {
        const std::lock_guard lock(service_mutex);
        return *service;
    }
    FakeSession& session() { return *calls->session; }
    void on_home(std::function<void()> action) {
        const auto done = std::make_shared<std::promise<void>>();
        asio::post(threads.context(session().home), [action = std::move(action), done] {
            action();
            done->set_value();
        });
        ASSERT_EQ(done->get_future().wait_for(patience), std::future_status::ready);
    }

    metrics::Registry registry;
    call::Figures figures{registry};
    net::IoThreads threads{2};
    net::IoThreads client_threads{1};
    std::shared_ptr<FakeCalls> calls = std::make_shared<FakeCalls>();
    std::mutex service_mutex;
    std::unique_ptr<TwilioService> service;
    std::unique_ptr<net::Server> server;
    std::unique_ptr<Phone> phone;
};

TEST_F(TwilioStreamTest, AForgedUpgradeIsRefused) {
    EXPECT_EQ(phone->open("/media-stream", ""), 403);
    EXPECT_EQ(phone->open("/media-stream", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), 403);
    EXPECT_EQ(calls->claims, 0);
}

TEST_F(TwilioStreamTest, AnUnknownTokenIsShownTheDoor) {
    ASSERT_EQ(phone->open("/media-stream"), 101);
    phone->start("CA1", "guessed");
    EXPECT_EQ(phone->closed_with(), 1008);
    EXPECT_TRUE(session().events.lines().empty());
}

TEST_F(TwilioStreamTest, ATokenOfAnotherAccountsStreamIsNotEvenTried) {
    ASSERT_EQ(phone->open("/media-stream"), 101);
    phone->start("CA1", "token-of-CA1", "AC00000000000000000000000000000009");
    EXPECT_EQ(phone->closed_with(), 1008);
    EXPECT_EQ(calls->claims, 0);
}

TEST_F(TwilioStreamTest, ACallThatHasACallerAlreadyRefusesASecond) {
    calls->refuses_attach = true;
    ASSERT_EQ(phone->open("/media-stream"), 101);
    phone->start("CA1", "token-of-CA1");
    EXPECT_EQ(phone->closed_with(), 1008);
}

TEST_F(TwilioStreamTest, WhoeverDoesNotStartIsShownTheDoor) {
    serve({.limits = {.start_within = 0s}});
    ASSERT_EQ(phone->open("/media-stream"), 101);
    EXPECT_EQ(phone->closed_with(), 1008);
}

TEST_F(TwilioStreamTest, MediaBeforeStartEndsTheStream) {
    ASSERT_EQ(phone->open("/media-stream"), 101);
    phone->media(1);
    EXPECT_EQ(phone->closed_with(), 1008);
    EXPECT_EQ(calls->claims, 0);
}

TEST_F(TwilioStreamTest, ASecondStartEndsTheCallAsLost) {
    call();
    phone->start("CA1", "token-of-CA1");
    EXPECT_EQ(phone->closed_with(), 1008);
    EXPECT_TRUE(session().events.wait_for("gone lost"));
    EXPECT_EQ(calls->claims, 1);
}

TEST_F(TwilioStreamTest, TheCallHearsAudioDigitsMarksAndTheHole) {
    call();
    // Together and with the end: 750 ms without a message would be heard as silence.
    phone->send_together(
        {Phone::media_text(1), Phone::media_text(1),  // repeated
         Phone::media_text(6),                        // four are missing
         R"({"event":"dtmf","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"7"}})",
         R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m5"}})",
         R"({"event":"stop","streamSid":"MZ1","stop":{"callSid":"CA1"}})"});
    ASSERT_TRUE(session().events.wait_for("gone"));
    EXPECT_EQ(session().events.lines(),
              (std::vector<std::string>{"attached", "audio 160", "silence 640", "audio 160",
                                        "dtmf 7", "mark 5", "gone hung_up"}));
    EXPECT_EQ(figures.lost_out_of_order.value(), 0.02);
    EXPECT_EQ(figures.filled_gap.value(), 0.08);
    EXPECT_EQ(figures.filled_stall.value(), 0);
}

TEST_F(TwilioStreamTest, AStalledCallerIsHeardAsSilence) {
    call();
    phone->media(1);
    EXPECT_TRUE(session().events.wait_for("silence 8000")) << "after 750 ms without a message";
    phone->media(100);
    EXPECT_TRUE(session().events.wait_for("audio 160", 2));
    EXPECT_TRUE(session().events.wait_for("silence 8000", 2)) << "it is watched again";
    EXPECT_EQ(figures.filled_stall.value(), 2);
}

TEST_F(TwilioStreamTest, TheCallersPhonePlaysWhatTheCallSends) {
    call();
    on_home([&] {
        session().channel->play(std::vector<std::uint8_t>{0, 1, 2, 3});
        session().channel->mark(1);
        session().channel->clear();
    });
    ASSERT_TRUE(phone->messages->wait_for(R"({"event":"clear")"));
    EXPECT_EQ(phone->messages->lines(),
              (std::vector<std::string>{
                  R"({"event":"media","streamSid":"MZ1","media":{"payload":"AAECAw=="}})",
                  R"({"event":"mark","streamSid":"MZ1","mark":{"name":"m1"}})",
                  R"({"event":"clear","streamSid":"MZ1"})"}));
}

TEST_F(TwilioStreamTest, StopMeansThatTheCallerHungUp) {
    call();
    phone->send(R"({"event":"stop","streamSid":"MZ1","stop":{"callSid":"CA1"}})");
    EXPECT_TRUE(session().events.wait_for("gone hung_up"));
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_EQ(session().events.lines().size(), 2u) << "told once";
}

TEST_F(TwilioStreamTest, ACloseWithoutStopMeansTheSame) {
    call();
    phone->close(1000);
    EXPECT_TRUE(session().events.wait_for("gone hung_up"));
}

TEST_F(TwilioStreamTest, AnyOtherCloseMeansThatTheLineWasLost) {
    call();
    phone->close(1011);
    EXPECT_TRUE(session().events.wait_for("gone lost"));
}

TEST_F(TwilioStreamTest, ABrokenConnectionMeansThatTheLineWasLost) {
    call();
    phone->drop();
    EXPECT_TRUE(session().events.wait_for("gone lost"));
    on_home([&] {  // the channel outlives its socket
        session().channel->play(std::vector<std::uint8_t>(160));
        session().channel->hang_up();
    });
}

TEST_F(TwilioStreamTest, HangingUpClosesOrderlyAndSendsNothingMore) {
    call();
    on_home([&] {
        session().channel->play(std::vector<std::uint8_t>{1});
        session().channel->hang_up();
        session().channel->play(std::vector<std::uint8_t>{2});
        session().channel->mark(9);
    });
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_EQ(phone->messages->lines().size(), 1u);
}

TEST_F(TwilioStreamTest, ACallThatGoesAwayClosesTheStream) {
    call();
    on_home([&] { session().channel.reset(); });
    EXPECT_EQ(phone->closed_with(), 1000);
}

TEST_F(TwilioStreamTest, AStreamThatNamesItsThreadLandsThere) {
    ASSERT_EQ(phone->open("/media-stream/1"), 101);
    phone->start("CA1", "token-of-CA1");
    ASSERT_TRUE(session().events.wait_for("attached"));
    EXPECT_EQ(session().home, 1u);
}

TEST_F(TwilioStreamTest, AWebhookIsAnsweredOverTheWire) {
    const std::string public_url = "http://127.0.0.1:" + std::to_string(server->port());
    const auto response =
        asio::co_spawn(client_threads.context(0),
                       net::fetch(*net::Url::parse(public_url + "/voice"),
                                  signed_post(public_url, "/voice", incoming("CA7"))),
                       asio::use_future)
            .get();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_NE(response->body.find("token-of-CA7"), std::string::npos) << response->body;
}

// ---- ending calls at Twilio -----------------------------------------------------------------

class TwilioRestTest : public TwilioStreamTest {
 protected:
    void SetUp() override {
        api_threads.start();
        auto listening = net::Server::listen(
            api_threads, {.host = "127.0.0.1"},
            {.on_request = [this](net::Request request) { return on_request(std::move(request)); },
             .on_upgrade = {}});
        ASSERT_TRUE(listening);
        api = std::move(*listening);
        auto made =
            TwilioRest::make({.base_url = "http://127.0.0.1:" + std::to_string(api->port()) + "/",
                              .account_sid = account_sid,
                              .auth_token = Secret(auth_token)});
        ASSERT_TRUE(made) << made.error().text();
        rest = *made;
        serve({.rest = rest});
    }
    void TearDown() override {
        TwilioStreamTest::TearDown();
        api->close();
        api_threads.stop();
    }
    Task<net::Response> on_request(net::Request request) {
        requests.add(request.method + " " + request.target + " " +
                     std::string(request.headers.get("authorization").value_or("")) + " " +
                     request.body);
        net::Response response;
        if (gate.valid()) gate.wait();
        const std::lock_guard lock(mutex);
        if (!answers.empty()) {
            response = answers.front();
            answers.erase(answers.begin());
        }
        co_return response;
    }
    TwilioRest::Ended end_call() {
        return asio::co_spawn(client_threads.context(0), TwilioRest::end_call(rest, "CA1"),
                              asio::use_future)
            .get();
    }

    net::IoThreads api_threads{1};
    std::unique_ptr<net::Server> api;
    Inbox requests;
    std::mutex mutex;
    std::vector<net::Response> answers;
    std::shared_future<void> gate;  // no answer before it
    std::shared_ptr<const TwilioRest> rest;
};

net::Response answer_of(int status, std::string body) {
    net::Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

TEST_F(TwilioRestTest, KnowsACallThatIsOverFromAFailure) {
    answers = {answer_of(404, R"({"code":20404,"status":404})")};
    EXPECT_EQ(end_call(), TwilioRest::Ended::before);
    answers = {answer_of(400, R"({"code":21220,"message":"Call is not in-progress"})")};
    EXPECT_EQ(end_call(), TwilioRest::Ended::before);
    for (const auto& failure : {answer_of(401, R"({"code":20003})"), answer_of(500, "<html>"),
                                answer_of(400, R"({"code":null})"), answer_of(302, "")}) {
        answers = {failure};
        EXPECT_EQ(end_call(), TwilioRest::Ended::failed) << failure.status;
    }
}

TEST_F(TwilioRestTest, TriesAgainOnlyWhenTwilioHasNotLooked) {
    answers = {answer_of(429, R"({"code":20429})"), answer_of(429, ""), answer_of(200, "{}")};
    EXPECT_EQ(end_call(), TwilioRest::Ended::now);
    EXPECT_EQ(requests.lines().size(), 3u);
    answers = {answer_of(429, ""), answer_of(429, ""), answer_of(429, "")};
    EXPECT_EQ(end_call(), TwilioRest::Ended::failed);
    EXPECT_EQ(requests.lines().size(), 6u);
    answers = {answer_of(503, "")};
    EXPECT_EQ(end_call(), TwilioRest::Ended::failed);
    EXPECT_EQ(requests.lines().size(), 7u);
}

TEST_F(TwilioRestTest, HangingUpEndsTheCallAtTwilioBeforeTheSocketCloses) {
    calls->end("CA1", {"appointment_booked", "agent_hung_up"});
    call();
    on_home([&] { session().channel->hang_up(); });
    EXPECT_EQ(phone->closed_with(), 1000);
    ASSERT_EQ(requests.lines().size(), 1u) << "asked before the socket was closed";
    EXPECT_EQ(
        requests.lines()[0],
        "POST /2010-04-01/Accounts/" + account_sid +
            "/Calls/CA1.json Basic "
            "QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMToxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMg== Status=completed");
}

TEST_F(TwilioRestTest, ACallThatOwesAnApologyIsLeftToTwiliosDocument) {
    calls->end("CA1", {"error", "provider_lost_unspoken"});
    call();
    on_home([&] { session().channel->hang_up(); });
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_TRUE(requests.lines().empty());
}

TEST_F(TwilioRestTest, AnApiThatCannotBeReachedDoesNotHoldTheLine) {
    api->close();
    api_threads.stop();
    calls->end("CA1", {"appointment_booked", "agent_hung_up"});
    call();
    on_home([&] { session().channel->hang_up(); });
    EXPECT_EQ(phone->closed_with(), 1000);
}

// ---- handing the line over ------------------------------------------------------------------

class TransferTest : public TwilioRestTest {
 protected:
    bool transfer(std::string briefing = {}) {
        bool is_under_way = false;
        on_home([&] {
            is_under_way = session().channel->transfer(
                {.to = "+15550102001", .briefing = std::move(briefing), .ring_limit = 15s});
        });
        return is_under_way;
    }
    // What Twilio was asked to do in the stream's place.
    std::string document() {
        if (!requests.wait_for("POST /2010-04-01/Accounts/" + account_sid + "/Calls/CA1.json"))
            return "nothing";
        const auto line = requests.lines().back();
        for (const auto& [name, value] : net::parse_form(line.substr(line.rfind(' ') + 1)))
            if (name == "Twiml") return value;
        return line;
    }
    void stop() { phone->send(R"({"event":"stop","sequenceNumber":"9","streamSid":"MZ1"})"); }
    // Nothing is on its way any more.
    std::vector<std::string> told() {
        on_home([] {});
        auto lines = session().events.lines();
        std::erase(lines, "attached");
        return lines;
    }
    std::string address() { return "http://127.0.0.1:" + std::to_string(server->port()); }
};

TEST_F(TransferTest, GivesTheLineToAnotherDocument) {
    call();
    ASSERT_TRUE(transfer());
    EXPECT_EQ(document(), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial action=\"" +
                              address() +
                              "/voice/transferred\" timeout=\"15\" callerId=\"+15550100002\">"
                              "<Number>+15550102001</Number></Dial></Response>");
    EXPECT_FALSE(transfer()) << "one at a time";
    stop();
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_TRUE(told().empty()) << "the caller is not gone";
}

TEST_F(TransferTest, TellsWhoeverAnswersWhatItIsAboutAndWaitsForTheKey) {
    call();
    calls->away = {"CA1"};
    ASSERT_TRUE(transfer("Ann is on the line."));
    const auto twiml = document();
    const auto from = twiml.find("/voice/briefing?transfer=");
    ASSERT_NE(from, std::string::npos) << twiml;
    const auto target = twiml.substr(from, twiml.find('"', from) - from);
    const auto ask = [&](const FormFields& more) {
        FormFields form = incoming("CAother");
        form.insert(form.end(), more.begin(), more.end());
        return service->answer(signed_post(address(), target, form)).body;
    };
    const auto ended = [&] {
        auto form = incoming("CA1");
        form[2].second = "in-progress";
        form.emplace_back("DialCallStatus", "completed");
        service->answer(signed_post(address(), "/voice/transferred", form));
        return calls->transfers.back().second;
    };
    EXPECT_EQ(ask({}), "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Gather action=\"" +
                           address() + target +
                           "\" numDigits=\"1\"><Say>Ann is on the line. To take the call, press 1."
                           "</Say></Gather><Hangup/></Response>");
    EXPECT_NE(ask({{"Digits", "2"}}).find("<Hangup/>"), std::string::npos);
    EXPECT_EQ(ended(), call::TransferEnded::How::declined);
    EXPECT_EQ(ask({{"Digits", "1"}}),
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response></Response>");
    EXPECT_EQ(ended(), call::TransferEnded::How::answered);
}

TEST_F(TransferTest, ShowsNoNameForANumber) {
    calls->our_number = "client:desk";
    call();
    ASSERT_TRUE(transfer());
    EXPECT_EQ(document().find("callerId"), std::string::npos);
}

TEST_F(TransferTest, ThatIsRefusedLeavesTheCallerWhereTheyAre) {
    answers = {answer_of(400, R"({"code":21218,"message":"Twiml is wrong"})")};
    call();
    ASSERT_TRUE(transfer());
    EXPECT_TRUE(session().events.wait_for("transfer 4 Twiml is wrong"));
    phone->media(1);
    EXPECT_TRUE(session().events.wait_for("audio 160"));
    ASSERT_TRUE(transfer()) << "and may be tried again";
    EXPECT_TRUE(requests.wait_for("POST", 2));
}

TEST_F(TransferTest, OfACallerWhoHangsUpFirstIsNone) {
    std::promise<void> opened;
    gate = opened.get_future().share();
    answers = {answer_of(400, R"({"code":21220,"message":"Call is not in-progress"})")};
    call();
    ASSERT_TRUE(transfer());
    ASSERT_TRUE(requests.wait_for("POST"));
    stop();
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_TRUE(told().empty()) << "Twilio may have taken the document";
    opened.set_value();
    EXPECT_TRUE(session().events.wait_for("gone hung_up"));
}

TEST_F(TransferTest, WithoutAClearAnswerIsMadeWhenTheStreamEnds) {
    answers = {answer_of(502, "<html>")};
    call();
    ASSERT_TRUE(transfer());
    ASSERT_TRUE(requests.wait_for("POST"));
    stop();
    EXPECT_EQ(phone->closed_with(), 1000);
    EXPECT_TRUE(told().empty());
}

TEST_F(TransferTest, WithoutAClearAnswerIsNoneWhenTheStreamGoesOn) {
    serve({.limits = {.stop_within = 50ms}, .rest = rest});
    answers = {answer_of(502, "<html>")};
    call();
    ASSERT_TRUE(transfer());
    EXPECT_TRUE(session().events.wait_for("transfer 4 the carrier did not answer"));
    stop();
    EXPECT_TRUE(session().events.wait_for("gone hung_up"));
}

TEST_F(TransferTest, CanStillBeHungUpWithoutAStream) {
    calls->end("CA1", {"transferred", "ended_by_operator"});
    call();
    ASSERT_TRUE(transfer());
    stop();
    EXPECT_EQ(phone->closed_with(), 1000);
    ASSERT_TRUE(requests.wait_for("POST"));
    on_home([&] {
        session().channel->hang_up();
        session().channel.reset();
    });
    ASSERT_TRUE(requests.wait_for("POST", 2));
    EXPECT_TRUE(requests.lines()[1].ends_with(" Status=completed"));
}

TEST_F(TwilioStreamTest, WithoutAnAccountNobodyIsPutThrough) {
    call();
    on_home([&] { EXPECT_FALSE(session().channel->transfer({.to = "+15550102001"})); });
    phone->media(1);
    EXPECT_TRUE(session().events.wait_for("audio 160")) << "and the call goes on";
}

TEST(TwilioRestOptions, AreCheckedOnce) {
    EXPECT_FALSE(TwilioRest::make(
        {.base_url = "not a url", .account_sid = "AC1", .auth_token = Secret("x")}));
    EXPECT_FALSE(
        TwilioRest::make({.base_url = "ws://x", .account_sid = "AC1", .auth_token = Secret("x")}));
    EXPECT_FALSE(TwilioRest::make({.account_sid = "", .auth_token = Secret("x")}));
    EXPECT_FALSE(TwilioRest::make({.account_sid = "AC1"}));
    EXPECT_TRUE(TwilioRest::make({.account_sid = "AC1", .auth_token = Secret("x")}));
}

}  // namespace
}  // namespace parley::telephony
