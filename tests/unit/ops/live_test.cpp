#include "support.hpp"

#include <parley/net/server.hpp>
#include <parley/ops/live.hpp>

#include <thread>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace parley::ops::test {
namespace {

namespace journal = call::journal;
using testing::Not;
using testing::StartsWith;

// A client that reads events, blocking.
class Watcher {
 public:
    Watcher(std::uint16_t port, const std::string& path, const std::string& last_id = "")
        : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        timeval limit{30, 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            throw std::runtime_error("cannot connect");
        // 1.0: without chunks in between
        std::string head = "GET " + path + " HTTP/1.0\r\n";
        if (!last_id.empty()) head += "Last-Event-ID: " + last_id + "\r\n";
        head += "\r\n";
        if (::send(socket_, head.data(), head.size(), MSG_NOSIGNAL) < 0)
            throw std::runtime_error("cannot send");
        head_ = through("\r\n\r\n");
    }
    ~Watcher() { ::close(socket_); }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    const std::string& head() const { return head_; }
    // The next event of that name; others are passed over. "" is one without a name.
    json::value next(const std::string& name) {
        while (true) {
            const auto text = through("\n\n");
            if (text.empty()) throw std::runtime_error("no event " + name);
            if (const auto at = text.find("id: "); at != std::string::npos)
                last_id_ = text.substr(at + 4, text.find('\n', at) - at - 4);
            seen_ += text;
            const auto event = text.find("event: ");
            const auto found = event == std::string::npos
                                   ? ""
                                   : text.substr(event + 7, text.find('\n', event) - event - 7);
            const auto data = text.find("data: ");
            if (found == name && data != std::string::npos)
                return json::parse(text.substr(data + 6, text.find('\n', data) - data - 6));
        }
    }
    const std::string& last_id() const { return last_id_; }
    const std::string& seen() const { return seen_; }
    // Nothing but signs of life comes before the end.
    bool is_ended() {
        std::string text;
        do text = through("\n\n");
        while (text.starts_with("event: alive\n"));
        return text.empty();
    }

 private:
    std::string through(const std::string& mark) {
        std::size_t at = 0;
        char buffer[4096];
        while ((at = unread_.find(mark)) == std::string::npos) {
            const auto got = ::recv(socket_, buffer, sizeof buffer, 0);
            if (got <= 0) return "";
            unread_.append(buffer, static_cast<std::size_t>(got));
        }
        auto text = unread_.substr(0, at + mark.size());
        unread_.erase(0, at + mark.size());
        return text;
    }
    int socket_;
    std::string head_, unread_, last_id_, seen_;
};

class TheLiveView : public testing::Test {
 protected:
    explicit TheLiveView(Live::Options options = quick()) : live(options), threads(1) {
        net::Server::Handlers handlers;
        handlers.on_request = [this](net::Request asked) { return answer(std::move(asked)); };
        server = std::move(
            net::Server::listen(threads, {.host = "127.0.0.1"}, std::move(handlers)).value());
        threads.start();
    }
    ~TheLiveView() override {
        live.stop();
        server.reset();
        threads.stop();
    }
    static Live::Options quick() {
        Live::Options options;
        options.tick = 5ms;
        options.lists_every = 10ms;
        options.alive_every = 1s;
        options.viewers_max = 8;
        options.events_kept_max = 4;
        return options;
    }
    void start(std::vector<Live::Extra> extras = {}) {
        live.start(
            [this](auto done) {
                const std::lock_guard lock(mutex);
                done(calls);
            },
            {}, std::move(extras));
    }
    Task<net::Response> answer(net::Request asked) {
        if (asked.path() == "/stream") co_return live.watch(asked.headers.get("Last-Event-ID"));
        auto response = live.watch_transcript(asked.path().substr(1));
        net::Response none;
        none.status = 404;
        co_return response ? std::move(*response) : none;
    }
    void tell(const std::string& call_sid, journal::Event event) {
        live.on_entry({call_sid, std::chrono::system_clock::now(), std::move(event)});
    }
    void begin_call(const std::string& call_sid) {
        {
            const std::lock_guard lock(mutex);
            calls.push_back({call_sid, "MZ1", "listening", 1});
        }
        tell(call_sid, journal::CallStarted{"+1", "+2", "sarah", "twilio"});
    }

    std::mutex mutex;
    std::vector<Board::Seen> calls;
    Live live;
    net::IoThreads threads;
    std::unique_ptr<net::Server> server;
};

TEST_F(TheLiveView, TellsTheListsAtOnceAndThenWhatHappens) {
    start();
    Watcher watcher(server->port(), "/stream");
    EXPECT_THAT(watcher.head(), HasSubstr("text/event-stream"));
    EXPECT_TRUE(watcher.next("active_calls").as_array().empty());
    begin_call("CA1");
    EXPECT_EQ(json_read::text(watcher.next("call_started").as_object(), "callSid"), "CA1");
    EXPECT_EQ(json_read::text(watcher.next("state").as_object(), "state"), "listening");
    tell("CA1", journal::CallerSaid{"u1", "Hello"});
    EXPECT_EQ(json_read::text(watcher.next("turn").as_object().at("entry").as_object(), "content"),
              "Hello");
    tell("CA1", journal::TurnLatency{400, 450});
    EXPECT_EQ(watcher.next("latency").as_object().at("turn").as_object().at("totalMs"), 450);
    auto metrics = watcher.next("metrics").as_object();
    while (metrics.at("samples").as_array().empty()) metrics = watcher.next("metrics").as_object();
    EXPECT_EQ(metrics.at("avgLatency"), 450);
    tell("CA1", journal::CallEnded{"no_booking", "caller_hung_up", 2'000});
    watcher.next("ended");
    auto history = watcher.next("call_history").as_array();
    while (history.empty()) history = watcher.next("call_history").as_array();
    EXPECT_EQ(json_read::text(history[0].as_object(), "outcome"), "user_hangup");
    watcher.next("alive");
    EXPECT_THAT(watcher.seen(), Not(HasSubstr("transcript")));
}

TEST_F(TheLiveView, TellsWhoeverComesBackWhatWasMissed) {
    start();
    begin_call("CA1");
    std::string last_id;
    {
        Watcher watcher(server->port(), "/stream");
        tell("CA1", journal::CallerSaid{"u1", "before"});
        watcher.next("turn");
        last_id = watcher.last_id();
    }
    tell("CA1", journal::CallerSaid{"u2", "meanwhile"});
    Watcher again(server->port(), "/stream", last_id);
    EXPECT_EQ(json_read::text(again.next("turn").as_object().at("entry").as_object(), "content"),
              "meanwhile");
    EXPECT_THAT(again.seen(), Not(HasSubstr("event: missed")));

    for (int i = 0; i < 10; ++i) tell("CA1", journal::CallerSaid{"u", "many"});
    for (int i = 0; i < 10; ++i) again.next("turn");
    Watcher late(server->port(), "/stream", last_id);
    late.next("missed");
    for (const char* foreign : {"other-1", "nonsense", "other-99999999999999999999", "-"}) {
        Watcher stranger(server->port(), "/stream", foreign);
        stranger.next("missed");
    }
}

TEST_F(TheLiveView, TellsATranscriptFromItsBeginningToItsEnd) {
    start();
    begin_call("CA1");
    begin_call("CA2");
    tell("CA1", journal::CallerSaid{"u1", "one"});
    while (!live.active("CA1")) std::this_thread::yield();
    Watcher watcher(server->port(), "/CA1");
    EXPECT_EQ(json_read::text(watcher.next("").as_object(), "content"), "one");
    tell("CA2", journal::CallerSaid{"u1", "elsewhere"});
    tell("CA1", journal::ToolStarted{"t1", "check_slots", "{}"});
    EXPECT_EQ(json_read::text(watcher.next("").as_object(), "content"), "check_slots({})");
    tell("CA1", journal::CallEnded{"no_booking", "caller_hung_up", 2'000});
    EXPECT_TRUE(watcher.is_ended());
    EXPECT_FALSE(live.watch_transcript("CA9"));
}

TEST_F(TheLiveView, HasSoManyViewersAtMostAndForgetsThoseWhoGo) {
    start();
    {
        std::vector<std::unique_ptr<Watcher>> all;
        for (int i = 0; i < 8; ++i)
            all.push_back(std::make_unique<Watcher>(server->port(), "/stream"));
        all.back()->next("active_calls");
        Watcher one_more(server->port(), "/stream");
        EXPECT_THAT(one_more.head(), HasSubstr(" 503 "));
    }
    while (live.viewers() > 0) std::this_thread::yield();
}

TEST_F(TheLiveView, TellsOfOtherThingsWhenTheyChange) {
    start({{"scripts", [asked = 0]() mutable -> std::optional<json::value> {
                ++asked;
                if (asked > 1 && asked != 5) return std::nullopt;
                return json::value(asked);
            }}});
    Watcher watcher(server->port(), "/stream");
    EXPECT_EQ(watcher.next("scripts"), 1);
    EXPECT_EQ(watcher.next("scripts"), 5);
    Watcher second(server->port(), "/stream");
    EXPECT_EQ(second.next("scripts"), 5) << "who comes is told how it is";
}

TEST_F(TheLiveView, EndsWithTheService) {
    start();
    Watcher watcher(server->port(), "/stream");
    watcher.next("active_calls");
    server->close();
    while (!watcher.is_ended()) {
    }
}

TEST(ALiveViewThatIsBehind, CountsWhatItDropped) {
    Live::Options options;
    options.entries_queued_max = 2;
    Live live(options);
    for (int i = 0; i < 5; ++i) live.on_entry({"CA1", {}, journal::CallerSaid{"u", "x"}});
    EXPECT_EQ(live.entries_dropped(), 3U);
}

}  // namespace
}  // namespace parley::ops::test
