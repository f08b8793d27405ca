// The client's side: connect() against servers that refuse, stall and break off.
#include "net_test_support.hpp"

#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

namespace parley::net::test {
namespace {

using namespace asio::experimental::awaitable_operators;
using testing::HasSubstr;
using How = CloseReason::How;
using Connected = boost::system::result<std::shared_ptr<WebSocket>, ConnectError>;

class ClientSocket : public testing::Test {
 protected:
    ClientSocket() : threads_(1) { threads_.start(); }
    ~ClientSocket() override {
        at_home([&] { socket_.reset(); });
        threads_.stop();
    }

    std::future<Connected> start(const Url& url, Headers headers = {},
                                 WebSocketLimits limits = {}) {
        return asio::co_spawn(threads_.context(0), connect(url, std::move(headers), limits),
                              asio::use_future);
    }
    ConnectError refusal(const std::string& answer) {
        auto result = start(server_.url("ws"));
        auto peer = server_.accept();
        peer.read_through("\r\n\r\n");
        peer.send(answer);
        peer.end_of_sending();
        const auto connected = result.get();
        return connected ? ConnectError{"accepted", 0, false} : connected.error();
    }
    RawPeer open(WebSocketLimits limits = {}, const std::string& along = "") {
        auto result = start(server_.url("ws"), {}, limits);
        auto peer = server_.accept();
        peer.accept_upgrade(along);
        socket_ = result.get().value();
        return peer;
    }
    void run() {
        asio::co_spawn(threads_.context(0), socket_->run([this](Message message) {
            seen_.put(std::string(message.data));
        }),
                       [this](std::exception_ptr failure, CloseReason end) {
                           if (!failure) ends_.put(std::move(end));
                       });
    }
    template <class Function>
    void at_home(Function function) {
        std::promise<void> done;
        asio::post(threads_.context(0), [&] {
            function();
            done.set_value();
        });
        done.get_future().wait();
    }

    IoThreads threads_;
    RawServer server_;
    std::shared_ptr<WebSocket> socket_;
    Mailbox<std::string> seen_;
    Mailbox<CloseReason> ends_;
};

TEST_F(ClientSocket, AsksWithHostTargetAndHeaders) {
    Headers headers;
    headers.add("Authorization", "Bearer sk-x");
    auto result = start(server_.url("ws", "/v1/realtime?model=m"), headers);
    auto peer = server_.accept();
    const auto request = peer.accept_upgrade();
    EXPECT_TRUE(result.get());
    EXPECT_THAT(request, testing::StartsWith("GET /v1/realtime?model=m HTTP/1.1\r\n"));
    EXPECT_THAT(request, HasSubstr("Host: 127.0.0.1:" + std::to_string(server_.port()) + "\r\n"));
    EXPECT_THAT(request, HasSubstr("Authorization: Bearer sk-x\r\n"));
    EXPECT_THAT(request, HasSubstr("Sec-WebSocket-Version: 13\r\n"));
    EXPECT_THAT(request, testing::Not(HasSubstr("permessage-deflate")));
}

TEST_F(ClientSocket, ReportsARefusedConnection) {
    Url url;
    {
        const RawServer gone;
        url = gone.url("ws");
    }
    const auto connected = await(threads_.context(0), connect(url, {}, {}));
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().what, "connection refused");
    EXPECT_EQ(connected.error().http_status, 0);
    EXPECT_FALSE(connected.error().is_tls);
}

TEST_F(ClientSocket, ReportsTheStatusOfARefusedUpgrade) {
    const auto unauthorized = refusal("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno");
    EXPECT_EQ(unauthorized.http_status, 401);
    EXPECT_EQ(unauthorized.what, "the server answered 401");
    EXPECT_EQ(refusal("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").http_status, 503);
    const auto moved =
        refusal("HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n");
    EXPECT_EQ(moved.http_status, 302);
    EXPECT_THAT(moved.what, HasSubstr("redirects"));
    EXPECT_EQ(refusal("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").http_status, 200);
}

TEST_F(ClientSocket, ReportsAnswersThatAreNoHandshake) {
    EXPECT_THAT(refusal("SSH-2.0-x\r\n\r\n").what, HasSubstr("handshake failed"));
    EXPECT_THAT(refusal("").what, HasSubstr("handshake failed"));
    const auto wrong_key = refusal(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n");
    EXPECT_THAT(wrong_key.what, HasSubstr("handshake failed"));
    EXPECT_EQ(wrong_key.http_status, 0);
}

TEST_F(ClientSocket, TimesOutOnAServerThatSaysNothing) {
    WebSocketLimits limits;
    limits.handshake_timeout = 1s;
    auto result = start(server_.url("ws"), {}, limits);
    auto peer = server_.accept();
    const auto connected = result.get();
    ASSERT_FALSE(connected);
    EXPECT_EQ(connected.error().what, "timed out");
}

TEST_F(ClientSocket, RefusesHeadersThatWouldStartAnother) {
    Headers headers;
    headers.add("X", "a\r\nAuthorization: b");
    const auto connected = await(threads_.context(0), connect(server_.url("ws"), headers, {}));
    ASSERT_FALSE(connected);
    EXPECT_THAT(connected.error().what, HasSubstr("header"));
}

TEST_F(ClientSocket, MasksWhatItSends) {
    auto peer = open();
    at_home([&] {
        socket_->send("hello");
        socket_->send(std::string(20'000, 'l'));
    });
    const auto head = peer.read(2);
    EXPECT_EQ(head[1] & 0x80, 0x80);
    const auto key = peer.read(4);
    auto payload = peer.read(5);
    EXPECT_NE(key, std::string(4, '\0'));
    for (std::size_t i = 0; i < 5; ++i) payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
    EXPECT_EQ(payload, "hello");
    EXPECT_TRUE(peer.read_frame().payload == std::string(20'000, 'l'));
}

TEST_F(ClientSocket, ReadsWhatCameAlongWithTheHandshake) {
    auto peer = open({}, frame_bytes(text_frame, "session.created", false));
    run();
    EXPECT_EQ(seen_.take(), "session.created");
}

TEST_F(ClientSocket, ReportsThePeersCloseAtOnce) {
    auto peer = open();
    run();
    peer.send_frame(close_frame, std::string("\x0F\xA1", 2) + "session expired", false);
    const auto end = ends_.take();  // the server has not ended the TCP connection
    EXPECT_EQ(end.how, How::closed_by_peer);
    EXPECT_EQ(end.code, 4001);
    EXPECT_EQ(end.reason, "session expired");
    EXPECT_EQ(peer.read_frame().close_code(), 4001);
    at_home([&] { EXPECT_FALSE(socket_->send("x")); });
}

TEST_F(ClientSocket, ReportsALostConnectionInMidMessage) {
    auto peer = open();
    run();
    peer.send(frame_bytes(text_frame, std::string(5'000, 'x'), false).substr(0, 3'000));
    peer.hang_up();
    EXPECT_EQ(ends_.take().how, How::lost);
    EXPECT_TRUE(seen_.is_empty());
}

TEST_F(ClientSocket, RefusesMaskedFramesFromAServer) {
    auto peer = open();
    run();
    peer.send_frame(text_frame, "x", true);
    EXPECT_EQ(peer.read_frame().close_code(), 1002);
    EXPECT_EQ(ends_.take().how, How::bad_message);
}

TEST_F(ClientSocket, ClosesBeforeItRuns) {
    auto peer = open();
    at_home([&] { socket_->close(1000, "no need"); });
    EXPECT_EQ(peer.read_frame().close_code(), 1000);
    run();
    peer.send_frame(close_frame, "\x03\xE8", false);
    EXPECT_EQ(ends_.take().how, How::closed_by_us);
}

TEST_F(ClientSocket, EndsAtOnceWhenAbortedBeforeItRuns) {
    auto peer = open();
    at_home([&] { socket_->abort(); });
    run();
    EXPECT_EQ(ends_.take().how, How::closed_by_us);
    EXPECT_EQ(peer.read_frame().opcode, -1);
}

TEST_F(ClientSocket, IsAbortedWhenDroppedWithoutARun) {
    auto peer = open();
    at_home([&] { socket_.reset(); });
    EXPECT_EQ(peer.read_frame().opcode, -1);
}

TEST_F(ClientSocket, IsAbortedWhenItsCoroutineIsCancelled) {
    auto peer = open();
    Mailbox<int> done;
    asio::co_spawn(
        threads_.context(0),
        [](std::shared_ptr<WebSocket> socket, RawPeer* raw) -> Task<std::size_t> {
            asio::steady_timer soon(co_await asio::this_coro::executor, 10ms);
            raw->send_frame(text_frame, "x", false);
            auto first =
                co_await (socket->run([](Message) {}) || soon.async_wait(asio::use_awaitable));
            co_return first.index();
        }(socket_, &peer),
        [&done](std::exception_ptr failure, std::size_t index) {
            done.put(failure ? -1 : static_cast<int>(index));
        });
    EXPECT_EQ(done.take(), 1);
    EXPECT_EQ(peer.read_frame().opcode, -1);
}

TEST_F(ClientSocket, SendsWhatOneHandlerHasToSayInOnePiece) {
    auto peer = open();
    at_home([&] {
        socket_->send("audio");
        socket_->send("mark");
        EXPECT_GT(socket_->queued_bytes(), 0u);  // waits for the end of the round
    });
    EXPECT_EQ(peer.read_frame().payload, "audio");
    EXPECT_EQ(peer.read_frame().payload, "mark");
    at_home([&] { EXPECT_EQ(socket_->queued_bytes(), 0u); });
}

TEST_F(ClientSocket, DoesNotHoldABurstBackUntilTheEndOfTheRound) {
    auto peer = open();
    at_home([&] {
        const std::string text(20'000, 'x');
        socket_->send(text);
        // Still inside the same handler: the bytes are on the wire, although no event has been
        // handled since.
        EXPECT_TRUE(peer.read_frame().payload == text);
    });
}

TEST_F(ClientSocket, EndsWhenItsThreadsStopInMidConversation) {
    auto peer = open();
    std::weak_ptr<WebSocket> weak = socket_;
    {
        IoThreads others(2);
        others.start();
        RawServer second;
        auto result =
            asio::co_spawn(others.context(1), connect(second.url("ws"), {}, {}), asio::use_future);
        auto second_peer = second.accept();
        second_peer.accept_upgrade();
        asio::co_spawn(
            others.context(1),
            [](std::shared_ptr<WebSocket> socket) -> Task<> {
                co_await socket->run([](Message) {});
            }(result.get().value()),
            asio::detached);
        Mailbox<int> settled;
        asio::post(others.context(1), [&] { settled.put(1); });
        settled.take();
    }  // stops, and destroys the coroutine where it waits
    SUCCEED();
}

}  // namespace
}  // namespace parley::net::test
