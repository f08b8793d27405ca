// The engine against a small server that speaks just enough of the protocol. One thread: the test
// turns the io_context itself, so that nothing needs a lock and every wait is for a condition.

#include <parley/core/base64.hpp>
#include <parley/engine/openai_realtime.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace parley::engine {
namespace {

using namespace std::chrono_literals;
constexpr auto patience = 20s;  // far beyond what any condition needs, sanitizers included

struct Peer {
    net::Request request;
    std::shared_ptr<net::WebSocket> socket;
    std::vector<json::object> received;
    std::optional<net::CloseReason> ended;

    void send(std::string_view text) const { socket->send(text); }
    void send_audio(std::string_view response, std::size_t bytes) const {
        send(fmt::format(
            R"({{"type":"response.output_audio.delta","response_id":"{}","item_id":"a","content_index":0,"delta":"{}"}})",
            response, base64::encode(std::vector<std::uint8_t>(bytes, 0x55))));
    }
    std::size_t count(std::string_view type) const {
        return static_cast<std::size_t>(
            std::count_if(received.begin(), received.end(),
                          [&](const auto& each) { return each.at("type").as_string() == type; }));
    }
};
using PeerPtr = std::shared_ptr<Peer>;

enum class Greeting { full, created_only, silent, bad_key };

struct Server {
    explicit Server(net::IoThreads& threads) {
        net::Server::Handlers handlers;
        handlers.on_request = [](net::Request) -> Task<net::Response> {
            co_return net::Response{404};
        };
        handlers.on_upgrade = [this](net::Request request) {
            return upgrade(this, std::move(request));
        };
        net::ServerOptions options;
        options.host = "127.0.0.1";
        options.websocket.message_bytes_max = 1024 * 1024;
        listening = net::Server::listen(threads, options, handlers).value();
    }

    static Task<net::UpgradeAnswer> upgrade(Server* self, net::Request request) {
        net::UpgradeAnswer answer;
        if (self->refuse_with != 0) {
            answer.refusal = net::Response{self->refuse_with};
            co_return answer;
        }
        auto peer = std::make_shared<Peer>();
        peer->request = std::move(request);
        self->peers.push_back(peer);
        answer.serve = [self, peer](std::shared_ptr<net::WebSocket> socket) {
            return serve(self, peer, std::move(socket));
        };
        co_return answer;
    }

    static Task<> serve(Server* self, PeerPtr peer, std::shared_ptr<net::WebSocket> socket) {
        peer->socket = socket;
        const Greeting greeting = self->greeting;
        if (greeting == Greeting::bad_key) {
            peer->send(
                R"({"type":"error","error":{"type":"invalid_request_error","code":"invalid_api_key","message":"Incorrect API key"}})");
            socket->close(3000, "invalid_request_error.invalid_api_key");
        } else if (greeting != Greeting::silent) {
            peer->send(R"({"type":"session.created","session":{"id":"sess"}})");
        }
        while (self->is_deaf) {
            asio::steady_timer pause(socket->executor(), 5ms);
            co_await pause.async_wait(asio::use_awaitable);
        }
        std::function<void(net::Message)> on_message = [peer, greeting](net::Message message) {
            peer->received.push_back(json_read::parse(message.data).value().as_object());
            if (greeting == Greeting::full &&
                peer->received.back().at("type") == "session.update") {
                peer->send(
                    R"({"type":"session.updated","session":{"audio":{"input":{"format":{"type":"audio/pcmu"}},"output":{"format":{"type":"audio/pcmu"}}}}})");
            }
        };
        auto how = co_await socket->run(std::move(on_message));
        peer->ended = how;
    }

    std::string base_url(std::string_view scheme = "http") const {
        return fmt::format("{}://127.0.0.1:{}/v1", scheme, listening->port());
    }

    std::unique_ptr<net::Server> listening;
    std::vector<PeerPtr> peers;
    Greeting greeting = Greeting::full;
    int refuse_with = 0;
    bool is_deaf = false;
};

struct Sink final : call::EventSink {
    void on(const call::Event& event) override {
        if (const auto* audio = std::get_if<call::AgentAudio>(&event)) {
            heard_bytes += audio->audio.size();
        } else if (!std::holds_alternative<call::AgentText>(event)) {
            events.push_back(event);
        }
        if (also) also(event);
    }
    template <class Event>
    std::size_t count() const {
        return static_cast<std::size_t>(
            std::count_if(events.begin(), events.end(),
                          [](const auto& event) { return std::holds_alternative<Event>(event); }));
    }
    template <class Event>
    Event last() const {
        for (auto it = events.rbegin(); it != events.rend(); ++it) {
            if (const auto* wanted = std::get_if<Event>(&*it)) return *wanted;
        }
        ADD_FAILURE() << "no such event";
        return {};
    }

    std::vector<call::Event> events;
    std::size_t heard_bytes = 0;
    std::function<void(const call::Event&)> also;
};

class OpenAiRealtime : public testing::Test {
 protected:
    OpenAiRealtime() {
        options.api_key = Secret("sk-test");
        options.base_url = server.base_url();
        options.figures = &figures;
        profile.instructions = "You are Sarah.";
    }
    ~OpenAiRealtime() override {
        engine.reset();
        server.listening->close();
        for (auto& each : server.peers) {
            if (each->socket) each->socket->abort();
        }
        server.is_deaf = false;
        EXPECT_TRUE(wait_for([&] {
            return std::all_of(server.peers.begin(), server.peers.end(),
                               [](const auto& each) { return !each->socket || each->ended; });
        }));
    }

    [[nodiscard]] bool wait_for(const std::function<bool()>& holds) {
        const auto deadline = Clock::now() + patience;
        while (!holds()) {
            if (Clock::now() > deadline) return false;
            threads.context(0).run_one_for(10ms);
        }
        return true;
    }
    // Everything that is under way on loopback has arrived after this.
    void turn_a_while() {
        const auto until = Clock::now() + 50ms;
        while (Clock::now() < until) threads.context(0).run_one_for(5ms);
    }
    // The engine has noticed that the connection which served is gone: its audio goes nowhere.
    [[nodiscard]] bool comes_to_serve_nobody() {
        return wait_for([&] {
            engine->append(std::vector<std::uint8_t>(160));
            return figures.lost_not_connected.value() > 0;
        });
    }
    void make() {
        engine = make_openai_realtime(threads.context(0).get_executor(), options, sink, "CA1");
    }
    void open(std::vector<call::Turn> history = {}) {
        if (!engine) make();
        engine->open(profile, history);
    }
    [[nodiscard]] bool open_and_wait() {
        const auto before = sink.count<call::EngineReady>();
        open();
        return wait_for([&] { return sink.count<call::EngineReady>() > before; });
    }
    Peer& peer(std::size_t index) { return *server.peers.at(index); }

    net::IoThreads threads{1};
    Server server{threads};
    Sink sink;
    metrics::Registry registry;
    call::Figures figures{registry};
    OpenAiOptions options;
    call::AgentProfile profile;
    std::unique_ptr<call::Engine> engine;
};

TEST_F(OpenAiRealtime, ConnectsWithTheModelAndTheKey) {
    open({{call::Turn::Speaker::caller, "Hi"}});
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineReady>() == 1; }));
    const auto& request = peer(0).request;
    EXPECT_EQ(request.target, "/v1/realtime?model=gpt-realtime-2.1");
    EXPECT_EQ(request.headers.get("Authorization"), "Bearer sk-test");
    EXPECT_FALSE(request.headers.get("OpenAI-Beta"));
    ASSERT_TRUE(wait_for([&] { return peer(0).received.size() == 2; }));
    EXPECT_EQ(peer(0).received[0].at("session").at("instructions"), "You are Sarah.");
    EXPECT_EQ(peer(0).received[1].at("item").at("role"), "user");
}

TEST_F(OpenAiRealtime, TakesWebSocketSchemesTrailingSlashesAndTheAgentsModel) {
    options.base_url = server.base_url("ws") + "//";
    profile.model = "my model";
    ASSERT_TRUE(open_and_wait());
    EXPECT_EQ(peer(0).request.target, "/v1/realtime?model=my%20model");
}

TEST_F(OpenAiRealtime, CarriesAudioAndCommands) {
    ASSERT_TRUE(open_and_wait());
    const std::vector<std::uint8_t> frame(160, 0xFE);
    engine->append(frame);
    engine->respond("Greet.");
    engine->inject({call::Turn::Speaker::system, "A fact"});
    peer(0).send(R"({"type":"response.created","response":{"id":"r1"}})");
    peer(0).send_audio("r1", 800);
    ASSERT_TRUE(wait_for([&] { return sink.heard_bytes == 800; }));
    engine->truncate("a", 0, 5000);
    engine->cancel();
    ASSERT_TRUE(wait_for([&] { return peer(0).received.size() == 6; }));
    const auto& received = peer(0).received;
    EXPECT_EQ(received[1].at("audio").as_string(), base64::encode(frame));
    EXPECT_EQ(received[2].at("type"), "response.create");
    EXPECT_EQ(received[3].at("item").at("content").at(0).at("text"), "A fact");
    EXPECT_EQ(received[4].at("audio_end_ms"), 100);
    EXPECT_EQ(received[5].at("response_id"), "r1");
    peer(0).send_audio("r1", 800);  // late
    peer(0).send(R"({"type":"response.done","response":{"id":"r1","status":"cancelled"}})");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::ResponseDone>() == 1; }));
    EXPECT_EQ(sink.heard_bytes, 800u);
}

TEST_F(OpenAiRealtime, SendsAWaitingWishWhenTheResponseIsDone) {
    ASSERT_TRUE(open_and_wait());
    peer(0).send(R"({"type":"response.created","response":{"id":"r1"}})");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::ResponseStarted>() == 1; }));
    engine->respond("");
    sink.also = [&](const call::Event& event) {
        if (std::holds_alternative<call::ResponseDone>(event)) engine->respond("");
    };
    peer(0).send(R"({"type":"response.done","response":{"id":"r1","status":"completed"}})");
    ASSERT_TRUE(wait_for([&] { return peer(0).count("response.create") > 0; }));
    turn_a_while();
    EXPECT_EQ(peer(0).count("response.create"), 1u);
}

TEST_F(OpenAiRealtime, SendsNothingOfTheCallBeforeItIsReady) {
    server.greeting = Greeting::created_only;
    open();
    engine->append(std::vector<std::uint8_t>(160));
    engine->respond("Greet.");
    ASSERT_TRUE(wait_for([&] { return !server.peers.empty() && peer(0).received.size() == 1; }));
    engine->append(std::vector<std::uint8_t>(160));
    engine->cancel();
    turn_a_while();
    EXPECT_EQ(peer(0).received.size(), 1u);
    EXPECT_EQ(figures.lost_not_connected.value(), 0.04);
    EXPECT_TRUE(sink.events.empty());
}

TEST_F(OpenAiRealtime, GivesUpOnABadKeyAfterTheHandshake) {
    server.greeting = Greeting::bad_key;
    open();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_FALSE(sink.last<call::EngineLost>().may_retry);
    EXPECT_EQ(sink.last<call::EngineLost>().reason, "invalid_api_key: Incorrect API key");
    turn_a_while();
    EXPECT_EQ(sink.events.size(), 1u);
}

TEST_F(OpenAiRealtime, ReadsTheStatusOfARefusedHandshake) {
    server.refuse_with = 401;
    testing::internal::CaptureStderr();
    open();
    EXPECT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    const std::string log = testing::internal::GetCapturedStderr();
    EXPECT_NE(log.find("check OPENAI_API_KEY"), std::string::npos) << log;
    EXPECT_FALSE(sink.last<call::EngineLost>().may_retry);
    server.refuse_with = 503;
    open();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 2; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);
}

TEST_F(OpenAiRealtime, MayRetryAServerThatIsNotThereButNotAnAddressThatIsNone) {
    server.listening->close();
    open();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);

    options.base_url = "not an address";
    make();
    open();
    EXPECT_EQ(sink.count<call::EngineLost>(), 1u);  // never inside open()
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 2; }));
    EXPECT_FALSE(sink.last<call::EngineLost>().may_retry);
}

TEST_F(OpenAiRealtime, GivesUpOnASilentServerAndMayRetry) {
    server.greeting = Greeting::silent;
    options.setup_timeout = 30ms;
    open();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_EQ(sink.last<call::EngineLost>().reason, "no session.created in time");
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);
    ASSERT_TRUE(wait_for([&] { return peer(0).ended.has_value(); }));
    EXPECT_EQ(peer(0).ended->code, 1000);
}

TEST_F(OpenAiRealtime, ReadsHowTheServerCloses) {
    ASSERT_TRUE(open_and_wait());
    peer(0).socket->close(1011, "");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);

    ASSERT_TRUE(open_and_wait());
    peer(1).socket->close(4004, "invalid_request_error.model_not_found");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 2; }));
    EXPECT_FALSE(sink.last<call::EngineLost>().may_retry);
    EXPECT_EQ(sink.last<call::EngineLost>().reason,
              "closed with 4004: invalid_request_error.model_not_found");
}

TEST_F(OpenAiRealtime, SurvivesABrokenConnectionAndComesBack) {
    ASSERT_TRUE(open_and_wait());
    peer(0).socket->abort();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);
    engine->append(std::vector<std::uint8_t>(160));
    engine->respond("");
    ASSERT_TRUE(open_and_wait());
    turn_a_while();
    EXPECT_EQ(peer(1).received.size(), 1u);
}

TEST_F(OpenAiRealtime, TellsBadMessagesAsProblems) {
    ASSERT_TRUE(open_and_wait());
    peer(0).send("not JSON");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineProblem>() == 1; }));
    EXPECT_EQ(sink.last<call::EngineProblem>().code, "bad_message");
    for (int i = 0; i < 20; ++i) peer(0).send("not JSON");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);
}

TEST_F(OpenAiRealtime, GivesUpOnAMessageBeyondTheLimit) {
    options.message_bytes_max = 10'000;
    ASSERT_TRUE(open_and_wait());
    peer(0).send(std::string(20'000, 'x'));
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    EXPECT_TRUE(sink.last<call::EngineLost>().may_retry);
}

// ---- renewing
// -------------------------------------------------------------------------------------

TEST_F(OpenAiRealtime, ServesOnTheOldConnectionUntilTheNewOneIsReady) {
    ASSERT_TRUE(open_and_wait());
    server.greeting = Greeting::created_only;
    open();
    ASSERT_TRUE(wait_for([&] { return server.peers.size() == 2 && peer(1).received.size() == 1; }));
    engine->append(std::vector<std::uint8_t>(160));
    engine->inject({call::Turn::Speaker::caller, "said meanwhile"});
    peer(0).send_audio("r1", 160);
    ASSERT_TRUE(wait_for([&] { return sink.heard_bytes == 160 && peer(0).received.size() == 3; }));
    EXPECT_EQ(sink.count<call::EngineReady>(), 1u);

    peer(1).send(R"({"type":"session.updated","session":{}})");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineReady>() == 2; }));
    peer(0).send_audio("r1", 160);  // too late
    engine->append(std::vector<std::uint8_t>(160));
    ASSERT_TRUE(
        wait_for([&] { return peer(0).ended.has_value() && peer(1).received.size() == 3; }));
    EXPECT_EQ(peer(0).ended->code, 1000);
    EXPECT_EQ(peer(1).received[1].at("item").at("content").at(0).at("text"), "said meanwhile");
    EXPECT_EQ(peer(1).received[2].at("type"), "input_audio_buffer.append");
    peer(1).send_audio("r2", 80);
    ASSERT_TRUE(wait_for([&] { return sink.heard_bytes == 240; }));
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
}

TEST_F(OpenAiRealtime, KeepsTheOldConnectionWhenTheNewOneFails) {
    ASSERT_TRUE(open_and_wait());
    server.refuse_with = 503;
    open();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineProblem>() == 1; }));
    EXPECT_EQ(sink.last<call::EngineProblem>().code, "rotation_failed");
    peer(0).send_audio("r1", 160);
    ASSERT_TRUE(wait_for([&] { return sink.heard_bytes == 160; }));
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
    EXPECT_FALSE(peer(0).ended);
}

TEST_F(OpenAiRealtime, SaysNothingOfALossThatTheNewConnectionMakesGood) {
    ASSERT_TRUE(open_and_wait());
    server.greeting = Greeting::created_only;
    open();
    ASSERT_TRUE(wait_for([&] { return server.peers.size() == 2 && peer(1).received.size() == 1; }));
    peer(0).socket->abort();
    ASSERT_TRUE(comes_to_serve_nobody());
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
    peer(1).send(R"({"type":"session.updated","session":{}})");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineReady>() == 2; }));
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
}

TEST_F(OpenAiRealtime, TellsTheLossOnceWhenBothConnectionsFail) {
    ASSERT_TRUE(open_and_wait());
    server.greeting = Greeting::created_only;
    open();
    ASSERT_TRUE(wait_for([&] { return server.peers.size() == 2 && peer(1).received.size() == 1; }));
    peer(0).socket->abort();
    ASSERT_TRUE(comes_to_serve_nobody());
    peer(1).socket->abort();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineLost>() == 1; }));
    turn_a_while();
    EXPECT_EQ(sink.count<call::EngineLost>(), 1u);
    EXPECT_EQ(sink.count<call::EngineProblem>(), 0u);
}

TEST_F(OpenAiRealtime, ForgetsAConnectionBeingOpenedWhenAskedForAnother) {
    server.greeting = Greeting::created_only;
    open();
    ASSERT_TRUE(wait_for([&] { return !server.peers.empty() && peer(0).received.size() == 1; }));
    server.greeting = Greeting::full;
    ASSERT_TRUE(open_and_wait());
    ASSERT_TRUE(wait_for([&] { return peer(0).ended.has_value(); }));
    EXPECT_EQ(peer(0).ended->code, 1000);
    EXPECT_EQ(sink.events.size(), 1u);
}

// ---- the end
// --------------------------------------------------------------------------------------

TEST_F(OpenAiRealtime, ClosesNormallyAndIsSilentAtOnceWhenDestroyed) {
    ASSERT_TRUE(open_and_wait());
    peer(0).send_audio("r1", 160);
    engine.reset();
    ASSERT_TRUE(wait_for([&] { return peer(0).ended.has_value(); }));
    EXPECT_EQ(peer(0).ended->code, 1000);
    EXPECT_EQ(sink.events.size(), 1u);
    EXPECT_EQ(sink.heard_bytes, 0u);
}

TEST_F(OpenAiRealtime, MayBeDestroyedInsideItsOwnEvent) {
    ASSERT_TRUE(open_and_wait());
    sink.also = [&](const call::Event&) { engine.reset(); };
    peer(0).send(R"({"type":"response.created","response":{"id":"r1"}})");
    peer(0).send(R"({"type":"response.created","response":{"id":"r2"}})");
    ASSERT_TRUE(wait_for([&] { return peer(0).ended.has_value(); }));
    EXPECT_EQ(sink.count<call::ResponseStarted>(), 1u);

    server.greeting = Greeting::bad_key;  // and inside EngineLost
    open();
    ASSERT_TRUE(wait_for([&] { return engine == nullptr; }));
}

TEST_F(OpenAiRealtime, MayBeReopenedInsideItsOwnLoss) {
    ASSERT_TRUE(open_and_wait());
    sink.also = [&](const call::Event& event) {
        if (std::holds_alternative<call::EngineLost>(event)) open();
    };
    peer(0).socket->abort();
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineReady>() == 2; }));
}

TEST_F(OpenAiRealtime, ClosesAConnectionThatArrivesAfterItsEnd) {
    open();
    engine.reset();
    ASSERT_TRUE(wait_for([&] { return !server.peers.empty() && peer(0).ended.has_value(); }));
    EXPECT_EQ(peer(0).ended->code, 1000);
    EXPECT_TRUE(peer(0).received.empty());
    EXPECT_TRUE(sink.events.empty());
}

// ---- a server that does not read
// ------------------------------------------------------------------

TEST_F(OpenAiRealtime, LeavesOutCallerAudioRatherThanLosingASlowServer) {
    ASSERT_TRUE(open_and_wait());
    server.is_deaf = true;
    server.greeting = Greeting::created_only;
    open();  // a second one, whose server has stopped reading
    ASSERT_TRUE(wait_for([&] { return server.peers.size() == 2 && peer(1).socket != nullptr; }));
    peer(1).send(R"({"type":"session.updated","session":{}})");
    ASSERT_TRUE(wait_for([&] { return sink.count<call::EngineReady>() == 2; }));

    const std::vector<std::uint8_t> second(8000, 0x7F);
    for (int i = 0; i < 3000; ++i) {  // 32 MB of base64: more than the kernel keeps
        engine->append(second);
        threads.context(0).poll();
    }
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
    engine->respond("");
    server.is_deaf = false;
    ASSERT_TRUE(wait_for([&] { return peer(1).count("response.create") == 1; }));
    EXPECT_EQ(sink.count<call::EngineLost>(), 0u);
    EXPECT_GT(peer(1).count("input_audio_buffer.append"), 0u);
    EXPECT_LT(peer(1).count("input_audio_buffer.append"), 3000u);
    EXPECT_GT(figures.lost_slow_provider.value(), 0);
    EXPECT_EQ(figures.lost_not_connected.value(), 0);
}

}  // namespace
}  // namespace parley::engine
