// The server's side of a WebSocket, seen from a client that may break every rule.
#include "net_test_support.hpp"

#include <boost/asio/steady_timer.hpp>

#include <unordered_map>

namespace parley::net::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using How = CloseReason::How;

struct Seen {
    std::string data;
    bool is_text;
    std::thread::id thread;
};

class ServerSocket : public testing::Test {
 protected:
    explicit ServerSocket(ServerOptions options = {}) : threads_(2) {
        server_ = listen(threads_, options,
                         {{}, [this](Request request) { return decide(std::move(request)); }});
        threads_.start();
    }
    ~ServerSocket() override {
        server_.reset();
        threads_.stop();
    }

    Task<UpgradeAnswer> decide(Request request) {
        UpgradeAnswer answer;
        if (request.path() == "/refuse")
            answer.refusal = Response{403, "text/plain", "no token", {}};
        if (request.path() == "/throw") throw std::runtime_error("on purpose");
        answer.home = request.path() == "/nowhere" ? 9 : 1;
        answer.serve = [this](std::shared_ptr<WebSocket> socket) {
            return serve(std::move(socket));
        };
        co_return answer;
    }
    Task<> serve(std::shared_ptr<WebSocket> socket) {
        sockets_.put(socket);
        WebSocket* raw = socket.get();
        auto ended = co_await raw->run([this, raw, &socket](Message message) {
            if (message.data == "echo and drop") socket.reset();
            if (message.data == "throw") throw std::runtime_error("on purpose");
            if (message.data == "close") raw->close(4001, "asked to");
            if (message.data == "abort") raw->abort();
            if (message.data.starts_with("echo")) raw->send(message.data);
            if (message.data == "queued?") queued_.put(raw->queued_bytes());
            seen_.put({std::string(message.data), message.is_text, std::this_thread::get_id()});
        });
        ends_.put(std::move(ended));
    }

    RawPeer open(const std::string& along = "") {
        auto peer = RawPeer::connect(server_->port());
        EXPECT_THAT(peer.upgrade("/", along), StartsWith("HTTP/1.1 101"));
        return peer;
    }
    template <class Function>
    void at_home(Function function) {
        std::promise<void> done;
        asio::post(threads_.context(1), [&] {
            function();
            done.set_value();
        });
        done.get_future().wait();
    }
    void expect_end(How how, int code) {
        const auto end = ends_.take();
        EXPECT_EQ(static_cast<int>(end.how), static_cast<int>(how)) << end.reason;
        EXPECT_EQ(end.code, code) << end.reason;
    }

    IoThreads threads_;
    Mailbox<std::weak_ptr<WebSocket>> sockets_;
    Mailbox<Seen> seen_;
    Mailbox<CloseReason> ends_;
    Mailbox<std::size_t> queued_;
    std::unique_ptr<Server> server_;
};

TEST_F(ServerSocket, AnswersTheHandshakeAsTheStandardSays) {
    auto peer = RawPeer::connect(server_->port());
    EXPECT_THAT(peer.upgrade(),
                HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
}

TEST_F(ServerSocket, DoesNotNegotiateCompression) {
    auto peer = RawPeer::connect(server_->port());
    peer.send(
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    const auto head = peer.read_through("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 101"));
    EXPECT_THAT(head, testing::Not(HasSubstr("Extensions")));
}

TEST_F(ServerSocket, DeliversAndEchoesOnItsHomeThread) {
    auto peer = open();
    peer.send_frame(text_frame, "echo 1");
    const auto frame = peer.read_frame();
    EXPECT_EQ(frame.opcode, 1);
    EXPECT_EQ(frame.payload, "echo 1");
    const auto seen = seen_.take();
    EXPECT_TRUE(seen.is_text);
    std::thread::id home;
    at_home([&] { home = std::this_thread::get_id(); });
    EXPECT_EQ(seen.thread, home);
}

TEST_F(ServerSocket, LosesNothingThatCameAlongWithTheRequest) {
    std::string along;
    for (int i = 0; i < 50; ++i)
        along += frame_bytes(text_frame, "echo " + std::to_string(i), true);
    auto peer = open(along);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(peer.read_frame().payload, "echo " + std::to_string(i));
}

TEST_F(ServerSocket, AnswersInOnePieceWhatCameInOnePiece) {
    std::string along;
    for (int i = 0; i < 5; ++i) along += frame_bytes(text_frame, "echo", true);
    auto peer = open(along + frame_bytes(text_frame, "queued?", true));
    EXPECT_EQ(queued_.take(), 5 * frame_bytes(text_frame, "echo", false).size());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(peer.read_frame().payload, "echo");
}

TEST_F(ServerSocket, IsKeptAliveByItsRun) {
    auto peer = open();
    peer.send_frame(text_frame, "echo and drop");
    EXPECT_EQ(peer.read_frame().payload, "echo and drop");
    peer.send_frame(text_frame, "echo again");
    EXPECT_EQ(peer.read_frame().payload, "echo again");
}

TEST_F(ServerSocket, SaysWhichMessagesAreBinary) {
    auto peer = open();
    peer.send_frame(binary_frame, std::string("\xFF\x00", 2));
    const auto seen = seen_.take();
    EXPECT_FALSE(seen.is_text);
    EXPECT_EQ(seen.data, std::string("\xFF\x00", 2));
    peer.send_frame(text_frame, "x");
    EXPECT_TRUE(seen_.take().is_text);
}

TEST_F(ServerSocket, JoinsFragmentsAndAnswersPingsBetweenThem) {
    auto peer = open();
    peer.send_frame(0x01, "echo a");
    peer.send_frame(ping_frame, "p");
    peer.send_frame(0x80, "b");
    const auto pong = peer.read_frame();
    EXPECT_EQ(pong.opcode, 10);
    EXPECT_EQ(pong.payload, "p");
    EXPECT_EQ(peer.read_frame().payload, "echo ab");
}

TEST_F(ServerSocket, CarriesMessagesUpToTheLimitWhole) {
    auto peer = open();
    const std::string large = "echo" + std::string(64 * 1024 - 4, 'x');
    peer.send_frame(text_frame, large);
    const auto frame = peer.read_frame();
    EXPECT_EQ(frame.opcode, 1);
    EXPECT_TRUE(frame.payload == large);
}

TEST_F(ServerSocket, RefusesAMessageOverTheLimit) {
    auto peer = open();
    peer.send_frame(text_frame, std::string(64 * 1024 + 1, 'x'));
    const auto frame = peer.read_frame();
    EXPECT_EQ(frame.opcode, 8);
    EXPECT_EQ(frame.close_code(), 1009);
    expect_end(How::bad_message, 1009);
    EXPECT_TRUE(seen_.is_empty());
}

TEST_F(ServerSocket, RefusesFragmentsThatTogetherExceedTheLimit) {
    auto peer = open();
    peer.send_frame(0x01, std::string(60'000, 'x'));
    peer.send_frame(0x80, std::string(60'000, 'x'));
    EXPECT_EQ(peer.read_frame().close_code(), 1009);
    expect_end(How::bad_message, 1009);
}

TEST_F(ServerSocket, RefusesAnAnnouncementOfExabytes) {
    auto peer = open();
    peer.send(std::string("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x11\x22\x33\x44", 14));
    EXPECT_EQ(peer.read_frame().close_code(), 1009);
    expect_end(How::bad_message, 1009);
}

TEST_F(ServerSocket, RefusesTextThatIsNotUtf8) {
    auto peer = open();
    peer.send_frame(text_frame, "ok so far \xC3\x28");
    EXPECT_EQ(peer.read_frame().close_code(), 1007);
    expect_end(How::bad_message, 1007);
    auto cut = open();
    cut.send_frame(text_frame, "\xE2\x82");
    EXPECT_EQ(cut.read_frame().close_code(), 1007);
    expect_end(How::bad_message, 1007);
}

TEST_F(ServerSocket, RefusesBrokenFrames) {
    const std::string bad[] = {
        frame_bytes(text_frame, "x", false),  // a client must mask
        frame_bytes(0xC1, "x", true),         // a reserved bit
        frame_bytes(0x83, "x", true),         // a reserved kind
        frame_bytes(0x80, "x", true),         // goes on with nothing
        frame_bytes(0x09, "x", true),         // a ping in parts
        frame_bytes(ping_frame, std::string(126, 'x'), true),
        frame_bytes(close_frame, "x", true),  // half a code
    };
    for (const auto& bytes : bad) {
        auto peer = open();
        peer.send(bytes);
        EXPECT_EQ(peer.read_frame().close_code(), 1002);
        expect_end(How::bad_message, 1002);
    }
}

TEST_F(ServerSocket, EndsABadConnectionEvenWhenThePeerHoldsItOpen) {
    auto peer = open();
    peer.send_frame(0x83, "x");
    expect_end(How::bad_message, 1002);  // at once, although the peer has not closed
}

TEST_F(ServerSocket, ReportsThePeersCloseAndAnswersIt) {
    auto peer = open();
    peer.send_frame(close_frame, std::string("\x0F\xA0", 2) + "bye");
    EXPECT_EQ(peer.read_frame().close_code(), 4000);
    const auto end = ends_.take();
    EXPECT_EQ(end.how, How::closed_by_peer);
    EXPECT_EQ(end.code, 4000);
    EXPECT_EQ(end.reason, "bye");
    EXPECT_EQ(peer.read_frame().opcode, -1);  // the server ends the connection
}

TEST_F(ServerSocket, ReportsACloseWithoutACode) {
    auto peer = open();
    peer.send_frame(close_frame, "");
    EXPECT_EQ(peer.read_frame().opcode, 8);
    expect_end(How::closed_by_peer, 1005);
}

TEST_F(ServerSocket, ReportsAConnectionThatBreaks) {
    for (int i = 0; i < 3; ++i) {
        auto peer = open();
        peer.send(frame_bytes(text_frame, "half of this", true).substr(0, 10));
        if (i == 0) peer.hang_up();
        if (i == 1) peer.reset();
        if (i == 2) peer.end_of_sending();
        const auto end = ends_.take();
        EXPECT_EQ(end.how, How::lost);
        EXPECT_EQ(end.code, 1006);
        EXPECT_NE(end.reason, "");
    }
    EXPECT_TRUE(seen_.is_empty());
}

TEST_F(ServerSocket, ClosesWithCodeAndReasonAndWaitsForTheAnswer) {
    auto peer = open();
    peer.send_frame(text_frame, "close");
    const auto frame = peer.read_frame();
    EXPECT_EQ(frame.opcode, 8);
    EXPECT_EQ(frame.close_code(), 4001);
    EXPECT_EQ(frame.payload.substr(2), "asked to");
    EXPECT_TRUE(ends_.is_empty());
    seen_.take();
    peer.send_frame(text_frame, "too late");
    peer.send_frame(close_frame, frame.payload);
    expect_end(How::closed_by_us, 4001);
    EXPECT_TRUE(seen_.is_empty());
}

TEST_F(ServerSocket, DoesNotWaitForeverForTheAnswerToItsClose) {
    auto peer = open();
    const auto start = Clock::now();
    peer.send_frame(text_frame, "close");
    expect_end(How::closed_by_us, 4001);  // which does not wait for ever either
    EXPECT_GE(Clock::now() - start, 1900ms);
}

TEST_F(ServerSocket, EndsWhenAClosingPeerSendsGarbageInstead) {
    // whether the garbage meets the read or the close is up to the clock
    for (int i = 0; i < 20; ++i) {
        auto peer = open();
        peer.send(frame_bytes(text_frame, "close", true) + frame_bytes(0x83, "x", true));
        expect_end(How::closed_by_us, 4001);
    }
}

TEST_F(ServerSocket, ShortensAReasonThatDoesNotFit) {
    auto peer = open();
    const auto socket = sockets_.take();
    at_home([&] { socket.lock()->close(1000, std::string(200, 'r') + "é"); });
    const auto frame = peer.read_frame();
    EXPECT_EQ(frame.close_code(), 1000);
    EXPECT_EQ(frame.payload.size(), 125u);
}

TEST_F(ServerSocket, SendsWhatIsQueuedBeforeTheClose) {
    auto peer = open();
    const auto socket = sockets_.take();
    at_home([&] {
        for (int i = 0; i < 200; ++i)
            EXPECT_TRUE(socket.lock()->send(std::to_string(i) + std::string(2000, '.')));
        EXPECT_GT(socket.lock()->queued_bytes(), 0u);
        socket.lock()->close(1000, "");
        EXPECT_FALSE(socket.lock()->send("too late"));
        socket.lock()->close(1001, "again");
    });
    for (int i = 0; i < 200; ++i)
        EXPECT_THAT(peer.read_frame().payload, StartsWith(std::to_string(i) + "."));
    EXPECT_EQ(peer.read_frame().close_code(), 1000);
    peer.send_frame(close_frame, "\x03\xE8");
    expect_end(How::closed_by_us, 1000);
}

TEST_F(ServerSocket, AbortsWithoutACloseFrame) {
    auto peer = open();
    peer.send_frame(text_frame, "abort");
    EXPECT_EQ(peer.read_frame().opcode, -1);
    expect_end(How::closed_by_us, 1006);
}

TEST_F(ServerSocket, GivesUpOnAPeerThatDoesNotRead) {
    auto peer = RawPeer(::socket(AF_INET, SOCK_STREAM, 0));
    peer.shrink_receive_buffer();
    peer.connect_to(server_->port());
    peer.upgrade();
    const auto socket = sockets_.take();
    bool was_refused = false;
    at_home([&] {
        const std::string text(100'000, 'x');
        for (int i = 0; i < 200 && !was_refused; ++i) {
            was_refused = !socket.lock()->send(text);
            EXPECT_LE(socket.lock()->queued_bytes(), 1024u * 1024);
        }
    });
    EXPECT_TRUE(was_refused);
    expect_end(How::slow_peer, 1008);
}

TEST_F(ServerSocket, TellsASlowPeerThatWakesUpWhy) {
    auto peer = RawPeer(::socket(AF_INET, SOCK_STREAM, 0));
    peer.shrink_receive_buffer();
    peer.connect_to(server_->port());
    peer.upgrade();
    const auto socket = sockets_.take();
    at_home([&] {
        const std::string text(100'000, 'x');
        while (socket.lock()->send(text)) {
        }
    });
    Frame frame;
    do frame = peer.read_frame();
    while (frame.opcode == 1);
    EXPECT_EQ(frame.close_code(), 1008);
    expect_end(How::slow_peer, 1008);
}

TEST_F(ServerSocket, AnswersThePingsOfASlowPeerBetweenItsFrames) {
    auto peer = RawPeer(::socket(AF_INET, SOCK_STREAM, 0));
    peer.shrink_receive_buffer();
    peer.connect_to(server_->port());
    peer.upgrade();
    const auto socket = sockets_.take();
    int texts = 0;
    const auto text = [](int number) {
        return std::string(100'000, static_cast<char>('a' + number % 26));
    };
    at_home([&] {
        // more than the kernel takes
        while (socket.lock()->queued_bytes() < 300'000)
            ASSERT_TRUE(socket.lock()->send(text(texts++)));
    });
    // Two: the second comes while frames wait behind the first one's answer.
    peer.send_frame(ping_frame, "p1");
    peer.send_frame(ping_frame, "p2");
    peer.send_frame(text_frame, "echo end");
    int whole = 0;
    std::string pongs;
    for (Frame frame = peer.read_frame(); frame.payload != "echo end"; frame = peer.read_frame()) {
        if (frame.opcode == 10) {
            pongs += frame.payload;
        } else {
            ASSERT_EQ(frame.opcode, 1);
            EXPECT_TRUE(frame.payload == text(whole++));
        }
    }
    EXPECT_EQ(whole, texts);
    EXPECT_EQ(pongs, "p1p2");
}

TEST_F(ServerSocket, SendsNothingAfterItsAnswerToThePeersClose) {
    auto peer = RawPeer(::socket(AF_INET, SOCK_STREAM, 0));
    peer.shrink_receive_buffer();
    peer.connect_to(server_->port());
    peer.upgrade();
    const auto socket = sockets_.take();
    at_home([&] {
        const std::string text(100'000, 'x');
        while (socket.lock()->queued_bytes() < 300'000) ASSERT_TRUE(socket.lock()->send(text));
    });
    peer.send_frame(close_frame, "\x03\xE8");
    Frame frame;
    do frame = peer.read_frame();
    while (frame.opcode == 1 && frame.payload.size() == 100'000);
    EXPECT_EQ(frame.close_code(), 1000);
    EXPECT_EQ(peer.read_frame().opcode, -1);
    expect_end(How::closed_by_peer, 1000);
}

TEST_F(ServerSocket, ClosesWhenItsOwnerThrows) {
    auto peer = open();
    peer.send_frame(text_frame, "throw");
    EXPECT_EQ(peer.read_frame().close_code(), 1011);
    peer.send_frame(close_frame, "\x03\xF3");
    EXPECT_EQ(peer.read_frame().opcode, -1);
    open().send_frame(text_frame, "others go on");
    EXPECT_EQ(seen_.take().data, "others go on");
}

TEST_F(ServerSocket, RefusesAsTheOwnerDecides) {
    auto peer = RawPeer::connect(server_->port());
    const auto head = peer.upgrade("/refuse");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 403"));
    EXPECT_EQ(peer.read(8), "no token");
    EXPECT_THAT(peer.upgrade("/throw"), StartsWith("HTTP/1.1 500"));  // the connection was kept
    auto other = RawPeer::connect(server_->port());
    EXPECT_THAT(other.upgrade("/nowhere"), StartsWith("HTTP/1.1 500"));
    auto plain = RawPeer::connect(server_->port());
    plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(plain.read_answer(), StartsWith("HTTP/1.1 404"));
}

TEST_F(ServerSocket, RefusesIncompleteUpgrades) {
    const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n";
    const std::string connection = "Connection: keep-alive, Upgrade\r\n";
    const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const std::string version = "Sec-WebSocket-Version: 13\r\n";
    const auto answer_to = [&](const std::string& request) {
        auto peer = RawPeer::connect(server_->port());
        peer.send(request + "\r\n");
        return peer.read_through("\r\n\r\n");
    };
    EXPECT_THAT(answer_to(start + connection + version), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(answer_to(start + connection + version + "Sec-WebSocket-Key: short\r\n"),
                StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(answer_to(start + connection + key), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(answer_to(start + key + version), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(answer_to("POST" + start.substr(3) + connection + key + version),
                StartsWith("HTTP/1.1 400"));
    const auto old = answer_to(start + connection + key + "Sec-WebSocket-Version: 8\r\n");
    EXPECT_THAT(old, StartsWith("HTTP/1.1 426"));
    EXPECT_THAT(old, HasSubstr("Sec-WebSocket-Version: 13\r\n"));
    EXPECT_THAT(answer_to(start + connection + key + version), StartsWith("HTTP/1.1 101"));
}

TEST_F(ServerSocket, LivesOnAfterTheServerClosed) {
    auto peer = open();
    peer.send_frame(text_frame, "echo 1");
    peer.read_frame();
    server_->close();
    server_.reset();
    peer.send_frame(text_frame, "echo 2");
    EXPECT_EQ(peer.read_frame().payload, "echo 2");
}

TEST_F(ServerSocket, KeepsNothingOfAThousandConnections) {
    std::vector<std::weak_ptr<WebSocket>> all;
    for (int round = 0; round < 10; ++round) {
        std::vector<RawPeer> peers;
        for (int i = 0; i < 100; ++i) {
            peers.push_back(open());
            all.push_back(sockets_.take());
        }
        for (std::size_t i = 0; i < peers.size(); ++i) {
            peers[i].send_frame(text_frame, "echo");
            EXPECT_EQ(peers[i].read_frame().payload, "echo");
            if (i % 4 == 0) peers[i].send_frame(close_frame, "\x03\xE8");
            if (i % 4 == 1) peers[i].reset();
            if (i % 4 == 2) peers[i].send_frame(0x83, "x");
            if (i % 4 == 3) peers[i].send_frame(text_frame, "abort");
        }
        for (std::size_t i = 0; i < peers.size(); ++i) ends_.take();
    }
    at_home([] {});  // the last coroutine has ended
    at_home([] {});
    for (const auto& socket : all) EXPECT_TRUE(socket.expired());
}

class WatchfulServerSocket : public ServerSocket {
 protected:
    explicit WatchfulServerSocket(std::chrono::seconds idle_timeout = 1s)
        : ServerSocket(options(idle_timeout)) {}
    static ServerOptions options(std::chrono::seconds idle_timeout) {
        ServerOptions options;
        options.websocket.idle_timeout = idle_timeout;
        return options;
    }
};

TEST_F(WatchfulServerSocket, PingsAQuietPeerAndThenGivesItUp) {
    const auto start = Clock::now();  // before the server's own
    auto peer = open();
    EXPECT_EQ(peer.read_frame().opcode, 9);
    EXPECT_GE(Clock::now() - start, 400ms);
    const auto end = ends_.take();
    EXPECT_GE(Clock::now() - start, 950ms);
    EXPECT_EQ(end.how, How::lost);
    EXPECT_THAT(end.reason, HasSubstr("no sign of life"));
}

// A ping waits two seconds for its answer, also of a slow machine.
class PatientServerSocket : public WatchfulServerSocket {
 protected:
    PatientServerSocket() : WatchfulServerSocket(4s) {}
};

TEST_F(PatientServerSocket, KeepsAPeerThatOnlyAnswersPings) {
    auto peer = open();
    for (int i = 0; i < 2; ++i) {  // the second comes when a quiet peer would have been given up
        const auto ping = peer.read_frame();
        ASSERT_EQ(ping.opcode, 9);
        peer.send_frame(0x8A, ping.payload);
    }
    EXPECT_TRUE(ends_.is_empty());
    peer.send_frame(text_frame, "echo still here");
    EXPECT_EQ(peer.read_frame().payload, "echo still here");
}

}  // namespace
}  // namespace parley::net::test
