#include "sim_test_support.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/audio/wav.hpp>
#include <parley/core/base64.hpp>
#include <parley/sim/twilio_server.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace parley::sim {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view token = "12345678901234567890123456789012";

// Lines that another thread leaves.
class Inbox {
 public:
    void add(std::string_view line) {
        const std::lock_guard lock(mutex_);
        lines_.emplace_back(line);
    }
    bool has(std::string_view part) {
        const std::lock_guard lock(mutex_);
        return std::any_of(lines_.begin(), lines_.end(),
                           [&](const auto& line) { return line.find(part) != line.npos; });
    }

 private:
    std::mutex mutex_;
    std::vector<std::string> lines_;
};

// A voice application: TwiML at /voice and /after, a stream at /media. What a test wants to do in
// the stream it says as a function of each message.
class Application {
 public:
    using Script = std::function<void(net::WebSocket&, const json::object&)>;

    explicit Application(Script script) : script_(std::move(script)) {
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request request) {
            return answer(this, std::move(request));
        };
        handlers.on_upgrade = [this](net::Request request) {
            return upgrade(this, std::move(request));
        };
        net::ServerOptions options;
        options.host = "127.0.0.1";
        server_ = net::Server::listen(threads_, options, std::move(handlers)).value();
        voice = fmt::format(
            "<Response><Connect action='{0}/after'><Stream url='ws://127.0.0.1:{1}/media'><Parameter name='callSid' "
            "value='x'/></Stream></Connect></Response>",
            url(), server_->port());
        after = "<Response><Say>Goodbye</Say><Hangup/></Response>";
        threads_.start();
    }
    ~Application() {
        server_->close();
        threads_.stop();
    }
    std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
    std::vector<net::Request> requests() {
        const std::lock_guard lock(mutex_);
        return requests_;
    }
    std::vector<json::object> messages() {
        const std::lock_guard lock(mutex_);
        return messages_;
    }

    std::string voice;
    std::string after;
    std::map<std::string, std::string> pages;  // at other paths

 private:
    static Task<net::Response> answer(Application* self, net::Request request) {
        const std::lock_guard lock(self->mutex_);
        self->requests_.push_back(request);
        net::Response response{.status = 200, .content_type = "text/xml"};
        const auto page = self->pages.find(std::string(request.path()));
        response.body = page != self->pages.end()    ? page->second
                        : request.path() == "/after" ? self->after
                                                     : self->voice;
        co_return response;
    }
    static Task<net::UpgradeAnswer> upgrade(Application* self, net::Request request) {
        {
            const std::lock_guard lock(self->mutex_);
            self->requests_.push_back(request);
        }
        net::UpgradeAnswer upgraded;
        upgraded.serve = [self](std::shared_ptr<net::WebSocket> socket) {
            return serve(self, std::move(socket));
        };
        co_return upgraded;
    }
    static Task<> serve(Application* self, std::shared_ptr<net::WebSocket> socket) {
        std::function<void(net::Message)> on_message = [self,
                                                        raw = socket.get()](net::Message message) {
            const auto parsed = json_read::parse(message.data);
            if (!parsed) return;
            {
                const std::lock_guard lock(self->mutex_);
                self->messages_.push_back(parsed->get_object());
            }
            self->script_(*raw, parsed->get_object());
        };
        co_await socket->run(std::move(on_message));
    }

    Script script_;
    std::mutex mutex_;
    std::vector<net::Request> requests_;
    std::vector<json::object> messages_;
    net::IoThreads threads_{1};
    std::unique_ptr<net::Server> server_;
};

std::string stream_of(const json::object& message) { return json_read::text(message, "streamSid"); }

void play_tone(net::WebSocket& socket, const json::object& message, milliseconds length) {
    const auto tone = audio::sine(400, audio::telephone_hz, length, 0.3);
    std::vector<std::uint8_t> mulaw(tone.size());
    audio::encode_mulaw(tone, mulaw);
    json::object media{{"payload", base64::encode(std::span<const std::uint8_t>(mulaw))}};
    socket.send(json::serialize(json::object{
        {"event", "media"}, {"streamSid", stream_of(message)}, {"media", std::move(media)}}));
}

void mark(net::WebSocket& socket, const json::object& message, std::string_view name) {
    socket.send(fmt::format(R"({{"event":"mark","streamSid":"{}","mark":{{"name":"{}"}}}})",
                            stream_of(message), name));
}

bool is(const json::object& message, std::string_view event) {
    return json_read::text(message, "event") == event;
}

// The caller's sound has come so far.
bool is_chunk(const json::object& message, std::string_view number) {
    return is(message, "media") &&
           json_read::text(message.at("media").get_object(), "chunk") == number;
}

CallOptions to(const Application& application, std::string_view steps) {
    CallOptions options;
    options.webhook = application.url() + "/voice";
    options.script = CallerScript::parse(steps, "caller.yaml").value();
    return options;
}

std::vector<std::string> events_of(const std::vector<json::object>& messages) {
    std::vector<std::string> out;
    for (const auto& message : messages) {
        const auto event = json_read::text(message, "event");
        if (out.empty() || out.back() != event) out.push_back(event);
    }
    return out;
}

TEST(TwilioCall, CarriesACallFromWebhookToHangUp) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is_chunk(message, "1")) {
            play_tone(socket, message, milliseconds(400));
            mark(socket, message, "one");
        }
        if (is(message, "mark")) socket.close(1000, "");
    });
    auto options = to(
        application,
        "steps: [wait_for_hang_up]\nexpect: {ended_by: agent, agent_segments_min: 1, marks_min: 1}");
    options.record =
        (std::filesystem::temp_directory_path() / fmt::format("parley-sim-{}.wav", getpid()))
            .string();
    const auto report = twilio->dial(options)->report();

    EXPECT_EQ(report.failure, "");
    EXPECT_EQ(report.ended_by, "agent");
    EXPECT_THAT(report.said, ElementsAre("Goodbye"));
    EXPECT_THAT(report.violations, IsEmpty());
    ASSERT_EQ(report.marks.size(), 1u);
    EXPECT_GE(report.marks[0].at, milliseconds(400));
    ASSERT_EQ(report.agent.size(), 1u);
    // Heard in frames of 20 ms: 20 of them, or 21 where it begins inside one. More would be a gap.
    EXPECT_GE(report.agent[0].end - report.agent[0].begin, milliseconds(400));
    EXPECT_LE(report.agent[0].end - report.agent[0].begin, milliseconds(420));
    EXPECT_THAT(events_of(application.messages()),
                ElementsAre("connected", "start", "media", "mark"));
    const auto messages = application.messages();
    EXPECT_EQ(messages[1].at("sequenceNumber"), "1");
    EXPECT_EQ(messages[1].at("start").at("customParameters").at("callSid"), "x");
    EXPECT_EQ(messages[2].at("media").at("chunk"), "1");
    EXPECT_EQ(messages[2].at("media").at("timestamp"), "20");
    EXPECT_EQ(messages[2].at("media").at("payload").get_string().size(), 216u);

    const auto wav = audio::read_wav_file(options.record);
    ASSERT_TRUE(wav.has_value());
    EXPECT_EQ(wav->channels, 2);
    EXPECT_NEAR(static_cast<double>(wav->samples.size()) / 16,
                static_cast<double>(report.duration.count()), 30);
    std::filesystem::remove(options.record);
}

TEST(TwilioCall, SignsWebhookStreamAndAction) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is(message, "start")) socket.close(1000, "");
    });
    const auto report = twilio->dial(to(application, "steps: [wait_for_hang_up]"))->report();
    const auto requests = application.requests();
    ASSERT_EQ(requests.size(), 3u);
    EXPECT_EQ(
        requests[0].headers.get("X-Twilio-Signature"),
        twilio_signature(token, application.url() + "/voice", net::parse_form(requests[0].body)));
    EXPECT_EQ(requests[1].headers.get("X-Twilio-Signature"),
              twilio_signature(token, "ws" + application.url().substr(4) + "/media", {}));
    EXPECT_EQ(
        requests[2].headers.get("X-Twilio-Signature"),
        twilio_signature(token, application.url() + "/after", net::parse_form(requests[2].body)));
    EXPECT_THAT(requests[0].body, HasSubstr("CallStatus=ringing"));
    EXPECT_THAT(requests[0].body, HasSubstr("FromCity=&"));
    EXPECT_THAT(requests[2].body, HasSubstr("CallStatus=in-progress"));
}

TEST(TwilioCall, CanForgeOmitAndAskByGet) {
    const auto twilio = TwilioServer::start({}).value();
    Application application(
        [](net::WebSocket& socket, const json::object&) { socket.close(1000, ""); });
    auto forged = to(application, "steps: [wait_for_hang_up]");
    forged.webhook_signature = CallOptions::Signature::wrong;
    forged.stream_signature = CallOptions::Signature::none;
    twilio->dial(forged)->report();
    const auto first = application.requests();
    EXPECT_NE(first[0].headers.get("X-Twilio-Signature"),
              twilio_signature(token, forged.webhook, net::parse_form(first[0].body)));
    EXPECT_FALSE(first[1].headers.get("X-Twilio-Signature").has_value());

    auto by_get = to(application, "steps: [wait_for_hang_up]");
    by_get.webhook += "?tenant=7";
    by_get.method = CallOptions::Method::get;
    twilio->dial(by_get)->report();
    const auto second = application.requests()[first.size()];
    EXPECT_EQ(second.method, "GET");
    EXPECT_EQ(second.headers.get("X-Twilio-Signature"),
              twilio_signature(token, application.url() + second.target, {}));
}

TEST(TwilioCall, ACallerWhoHangsUpSendsStop) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket&, const json::object&) {});
    const auto report =
        twilio
            ->dial(to(
                application,
                "steps: [{press: '1#'}, {silence_ms: 100}, hang_up]\nexpect: {ended_by: caller}"))
            ->report();
    EXPECT_EQ(report.failure, "");
    ASSERT_TRUE(eventually([&] { return is(application.messages().back(), "stop"); }));
    std::string digits;
    for (const auto& message : application.messages()) {
        if (is(message, "dtmf"))
            digits += json_read::text(message.at("dtmf").get_object(), "digit");
    }
    EXPECT_EQ(digits, "1#");
}

TEST(TwilioCall, ClearSilencesTheAgentAndReturnsTheMarks) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is(message, "start")) {
            for (int second = 0; second < 60; ++second)
                play_tone(socket, message, std::chrono::seconds(1));
            mark(socket, message, "never heard");
        }
        if (is_chunk(message, "30"))
            socket.send(fmt::format(R"({{"event":"clear","streamSid":"{}"}})", stream_of(message)));
        if (is(message, "mark")) socket.close(1000, "");
    });
    const auto report =
        twilio->dial(to(application, "steps: [wait_for_hang_up]\nexpect: {clears_min: 1}"))
            ->report();
    EXPECT_EQ(report.failure, "");
    ASSERT_EQ(report.marks.size(), 1u);
    EXPECT_TRUE(report.marks[0].was_cleared);
    ASSERT_EQ(report.clears.size(), 1u);
    EXPECT_LE(report.agent_speech(), report.clears[0] + milliseconds(20))
        << "and a part of a frame";
    EXPECT_EQ(report.unheard, milliseconds(0));
}

TEST(TwilioCall, TellsWhatWasNeverHeardWhenTheStreamIsClosedEarly) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (!is(message, "start")) return;
        for (int second = 0; second < 10; ++second)
            play_tone(socket, message, std::chrono::seconds(1));
        socket.close(1000, "");
    });
    const auto report = twilio->dial(to(application, "steps: [wait_for_hang_up]"))->report();
    EXPECT_GT(report.unheard, milliseconds(5'000));
}

TEST(TwilioCall, CountsWhatAStrictTwilioWouldWarnOf) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (!is(message, "start")) return;
        socket.send("{");
        socket.send(R"({"event":"clear","streamSid":"MZother"})");
        socket.send(
            fmt::format(R"({{"event":"media","streamSid":"{}","media":{{"payload":"AAAA"}}}})",
                        stream_of(message)));
        socket.close(1000, "");
    });
    const auto report = twilio->dial(to(application, "steps: [wait_for_hang_up]"))->report();
    EXPECT_THAT(report.violations,
                ElementsAre(HasSubstr("invalid JSON"), HasSubstr("foreign streamSid"),
                            HasSubstr("3 bytes")));
    EXPECT_THAT(report.failure, HasSubstr("at most 0 violations"));
}

TEST(TwilioCall, SaysWhyThereWasNoStream) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket&, const json::object&) {});
    application.voice = "<Response><connect/></Response>";
    EXPECT_THAT(twilio->dial(to(application, "steps: [wait_for_hang_up]"))->report().failure,
                HasSubstr("case-sensitive"));
    application.voice = "<Response><Reject reason='busy'/></Response>";
    const auto rejected = twilio->dial(to(application, "steps: [wait_for_hang_up]"))->report();
    EXPECT_EQ(rejected.ending, "rejected (busy)");
    EXPECT_EQ(rejected.failure, "no stream was opened");
    auto nobody = to(application, "steps: [wait_for_hang_up]");
    nobody.webhook = "http://127.0.0.1:1/voice";
    EXPECT_THAT(twilio->dial(nobody)->report().failure, HasSubstr("http://127.0.0.1:1/voice"));
}

TEST(TwilioCall, CanBeLostAbruptlyAndMisbehave) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is_chunk(message, "2")) play_tone(socket, message, milliseconds(40));
    });
    auto odd = to(application,
                  "steps: [{wait_for_agent: {silent_for_ms: 20}}, drop]\nexpect: {ended_by: lost}");
    odd.sends_media_before_start = true;
    odd.sends_second_start = true;
    odd.extra_messages = {R"({"event":"gossip"})"};
    EXPECT_EQ(twilio->dial(odd)->report().failure, "");
    EXPECT_THAT(events_of(application.messages()),
                ElementsAre("connected", "media", "start", "gossip", "media"));
}

TEST(TwilioCall, SignsThePublicUrlAndConnectsElsewhere) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is(message, "start")) socket.close(1000, "");
    });
    application.voice =
        "<Response><Connect><Stream url='wss://voice.example.com/media'/></Connect></Response>";
    auto options = to(application, "steps: [wait_for_hang_up]");
    options.webhook = "https://voice.example.com:8443/voice";
    options.connect_to = application.url();
    options.scheme = StreamScheme::wss_only;
    EXPECT_EQ(twilio->dial(options)->report().failure, "");
    const auto requests = application.requests();
    ASSERT_EQ(requests.size(), 2u);
    EXPECT_EQ(requests[0].headers.get("X-Twilio-Signature"),
              twilio_signature(token, "https://voice.example.com/voice",
                               net::parse_form(requests[0].body)));
    EXPECT_EQ(requests[1].headers.get("X-Twilio-Signature"),
              twilio_signature(token, "wss://voice.example.com/media", {}));
}

TEST(TwilioCall, AHalfOpenConnectionFallsSilentWithoutAStop) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is_chunk(message, "4")) play_tone(socket, message, milliseconds(40));
    });
    const auto report = twilio
                            ->dial(to(application,
                                      "steps: [{wait_for_agent: {silent_for_ms: 20}}, go_silent, "
                                      "{silence_ms: 300}, hang_up]"))
                            ->report();
    EXPECT_EQ(report.failure, "");
    int media = 0;
    for (const auto& message : application.messages()) {
        EXPECT_FALSE(is(message, "stop"));
        media += is(message, "media") ? 1 : 0;
    }
    EXPECT_GE(media, 4);
    EXPECT_LE(milliseconds(20 * media), report.duration - milliseconds(300)) << "then silence";
}

// ---- <Dial> -----------------------------------------------------------------------------------

constexpr std::string_view brief =
    "<Response><Gather action='/brief?x=1' numDigits='1'><Say>Ann is here.</Say></Gather><Hangup/></Response>";

std::string dial_to(const Application& application, std::string_view number,
                    std::string_view briefing = "") {
    return fmt::format(
        "<Response><Dial action='{0}/after' timeout='5' callerId='+15550100002'><Number {2}>{1}"
        "</Number></Dial></Response>",
        application.url(), number,
        briefing.empty() ? "" : fmt::format("url='{}{}'", application.url(), briefing));
}

std::vector<Callee> callees() {
    using Answer = Callee::Answer;
    const auto rings = milliseconds(1);
    return {{.to = "+15550102001", .rings = rings, .talks = milliseconds(30)},
            {.to = "+15550102002", .rings = rings, .presses = "2"},
            {.to = "+15550102003", .rings = rings, .hangs_up_at_briefing = true},
            {.to = "+15550102004", .answer = Answer::busy, .rings = rings},
            {.to = "+15550102005", .answer = Answer::no_answer, .rings = rings},
            {.to = "+15550102006", .answer = Answer::failed, .rings = rings},
            {.to = "+15550102007", .rings = milliseconds(60'000)}};
}

std::string field_of(const net::Request& request, std::string_view name) {
    for (const auto& [known, value] : net::parse_form(request.body)) {
        if (known == name) return value;
    }
    return "";
}

TEST(Dial, TellsItsActionHowItWent) {
    const auto twilio = TwilioServer::start({.callees = callees()}).value();
    for (const auto& [number, status, bridged] : {std::tuple{"+15550102001", "completed", "true"},
                                                  {"+15550102004", "busy", "false"},
                                                  {"+15550102005", "no-answer", "false"},
                                                  {"+15550102006", "failed", "false"}}) {
        Application application([](net::WebSocket&, const json::object&) {});
        application.voice = dial_to(application, number);
        const auto report = twilio->dial(to(application, "steps: []"))->report();
        EXPECT_EQ(report.failure, "") << number;
        EXPECT_THAT(report.violations, IsEmpty());
        EXPECT_THAT(report.said, ElementsAre("Goodbye"));
        ASSERT_EQ(report.dialled.size(), 1u);
        EXPECT_EQ(report.dialled[0].status, status);
        EXPECT_EQ(report.dialled[0].caller_id, "+15550100002");
        const auto after = application.requests().back();
        EXPECT_EQ(field_of(after, "DialCallStatus"), status);
        EXPECT_EQ(field_of(after, "DialBridged"), bridged);
        EXPECT_EQ(field_of(after, "DialCallSid"), report.dialled[0].call_sid);
        EXPECT_EQ(field_of(after, "CallStatus"), "in-progress");
        EXPECT_EQ(
            after.headers.get("X-Twilio-Signature"),
            twilio_signature(token, application.url() + "/after", net::parse_form(after.body)));
    }
}

TEST(Dial, TellsWhoeverAnswersWhatItIsAbout) {
    const auto twilio = TwilioServer::start({.callees = callees()}).value();
    for (const auto& [number, pressed, is_joined] : {std::tuple{"+15550102001", "1", true},
                                                     {"+15550102002", "2", false},
                                                     {"+15550102003", "", false}}) {
        Application application([](net::WebSocket&, const json::object&) {});
        application.voice = dial_to(application, number, "/ask");
        application.pages = {
            {"/ask", std::string(brief)},
            {"/brief",
             pressed == std::string("1") ? "<Response/>" : "<Response><Hangup/></Response>"}};
        const auto report = twilio->dial(to(application, "steps: []"))->report();
        EXPECT_EQ(report.failure, "") << number;
        ASSERT_EQ(report.dialled.size(), 1u);
        EXPECT_THAT(report.dialled[0].heard, ElementsAre("Ann is here."));
        EXPECT_EQ(report.dialled[0].pressed, pressed);
        EXPECT_EQ(report.dialled[0].is_joined, is_joined) << number;
        const auto requests = application.requests();
        EXPECT_EQ(field_of(requests.back(), "DialCallStatus"), "completed");
        EXPECT_EQ(field_of(requests.back(), "DialBridged"), is_joined ? "true" : "false");
        EXPECT_EQ(requests[1].path(), "/ask");
        EXPECT_EQ(field_of(requests[1], "CallSid"), report.dialled[0].call_sid);
        EXPECT_EQ(field_of(requests[1], "ParentCallSid"), report.call_sid);
        EXPECT_EQ(field_of(requests[1], "Direction"), "outbound-dial");
        if (requests.size() > 3) {
            EXPECT_EQ(field_of(requests[2], "Digits"), pressed);
        }
    }
}

TEST(Dial, EndsWithACallerWhoHangsUp) {
    Inbox inbox;
    const auto twilio =
        TwilioServer::start(
            {.watch = [&](std::string_view line) { inbox.add(line); }, .callees = callees()})
            .value();
    Application application([](net::WebSocket&, const json::object&) {});
    application.voice = dial_to(application, "+15550102007");
    application.voice.replace(application.voice.find("timeout='5'"), 11, "timeout='500'");
    const auto call = twilio->dial(to(application, "steps: []"));
    ASSERT_TRUE(eventually([&] { return inbox.has("+15550102007 rings"); }));
    call->hang_up();
    const auto report = call->report();
    EXPECT_EQ(report.ended_by, "caller");
    const auto after = application.requests().back();
    EXPECT_EQ(field_of(after, "CallStatus"), "completed");
    EXPECT_EQ(field_of(after, "DialCallStatus"), "canceled");
    EXPECT_THAT(report.said, IsEmpty()) << "nobody is there to hear it";
}

TEST(Dial, OfNobodyAndUnderAnotherNameIsAViolation) {
    const auto twilio =
        TwilioServer::start({.numbers = {{"+15550100009", "Desk"}}, .callees = callees()}).value();
    Application application([](net::WebSocket&, const json::object&) {});
    const auto complaint = [&](const std::string& document) {
        application.voice = document;
        const auto report = twilio->dial(to(application, "steps: []"))->report();
        EXPECT_EQ(field_of(application.requests().back(), "DialCallStatus"), "failed");
        return report.violations.empty() ? "" : report.violations.front();
    };
    EXPECT_THAT(complaint(dial_to(application, "5550102001")), HasSubstr("13224"));
    auto foreign = dial_to(application, "+15550102001");
    foreign.replace(foreign.find("+15550100002"), 12, "+15550109999");
    EXPECT_THAT(complaint(foreign), HasSubstr("13214"));
}

TEST(TwilioServer, EndsACallByRest) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket&, const json::object&) {});
    const auto call =
        twilio->dial(to(application, "steps: [wait_for_hang_up]\nexpect: {ended_by: agent}"));
    ASSERT_TRUE(eventually([&] { return !application.messages().empty(); }));

    net::IoThreads threads(1);
    threads.start();
    const auto ask = [&](std::string method, std::string path, std::string authorization,
                         std::string body = "") {
        net::Request request;
        request.method = std::move(method);
        request.target = std::move(path);
        request.headers.set("Authorization", std::move(authorization));
        request.headers.set("Content-Type", "application/x-www-form-urlencoded");
        request.body = std::move(body);
        auto answer = asio::co_spawn(
            threads.context(0),
            net::fetch(net::Url::parse(twilio->base_url()).value(), std::move(request)),
            asio::use_future);
        return answer.get().value();
    };
    const std::string account = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Calls/";
    const std::string right =
        "Basic " + base64::encode(std::string_view(
                       "AC00000000000000000000000000000001:12345678901234567890123456789012"));
    EXPECT_EQ(ask("GET", account + call->sid() + ".json", "Basic eDp5").status, 401);
    EXPECT_EQ(ask("GET", account + "CA0.json", right).status, 404);
    EXPECT_THAT(ask("GET", account + call->sid() + ".json", right).body, HasSubstr("in-progress"));
    EXPECT_THAT(ask("POST", account + call->sid() + ".json", right, "Status=sleeping").body,
                HasSubstr("20001"));
    EXPECT_EQ(ask("POST", account + call->sid() + ".json", right, "Status=completed").status, 200);
    EXPECT_EQ(call->report().ending, "ended by the REST API");
    EXPECT_THAT(ask("POST", account + call->sid() + ".json", right, "Status=completed").body,
                HasSubstr("21220"));
    ASSERT_TRUE(eventually([&] { return is(application.messages().back(), "stop"); }));
    threads.stop();
}

TEST(TwilioServer, PlacesManyCallsAtOnce) {
    const auto twilio = TwilioServer::start({}).value();
    Application application([](net::WebSocket& socket, const json::object& message) {
        if (is(message, "start")) {
            play_tone(socket, message, milliseconds(200));
            mark(socket, message, "end");
        }
        if (is(message, "mark")) socket.close(1000, "");
    });
    std::vector<std::shared_ptr<TwilioCall>> calls;
    for (int i = 0; i < 50; ++i)
        calls.push_back(
            twilio->dial(to(application, "steps: [wait_for_hang_up]\nexpect: {marks_min: 1}")));
    for (const auto& call : calls) EXPECT_EQ(call->report().failure, "");
}

TEST(TwilioServer, StoppingItEndsCallsThatAreUp) {
    Application application([](net::WebSocket&, const json::object&) {});
    auto twilio = TwilioServer::start({}).value();
    const auto call = twilio->dial(to(application, "steps: [wait_for_hang_up]"));
    ASSERT_TRUE(eventually([&] { return !application.messages().empty(); }));
    twilio.reset();
    EXPECT_EQ(call->report().failure, "the simulator was stopped");
}

}  // namespace
}  // namespace parley::sim
