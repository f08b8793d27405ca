#include "net_test_support.hpp"

#include <sys/resource.h>

namespace parley::net::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Task<Response> echo(Request request) {
    if (request.path() == "/throw") throw std::runtime_error("on purpose");
    Response response;
    response.body = request.method + " " + request.target + " " + request.body;
    if (request.path() == "/inject") {
        response.headers.add("X-Bad", "a\r\nSet-Cookie: stolen");
        response.headers.add("X-Good", "yes");
    }
    if (request.path() == "/peer") response.body = request.peer;
    if (request.path() == "/empty") response.status = 204;
    co_return response;
}

class HttpServer : public testing::Test {
 protected:
    explicit HttpServer(ServerOptions options = {}) : threads_(1) {
        server_ = listen(threads_, options, {echo, {}});
        threads_.start();
    }
    ~HttpServer() override {
        server_.reset();
        threads_.stop();
    }
    RawPeer connect() { return RawPeer::connect(server_->port()); }

    IoThreads threads_;
    std::unique_ptr<Server> server_;
};

TEST_F(HttpServer, AnswersWithStatusTypeLengthAndBody) {
    auto peer = connect();
    peer.send("POST /voice?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    const auto answer = peer.read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Type: text/plain; charset=utf-8\r\n"));
    EXPECT_THAT(answer, HasSubstr("\r\n\r\nPOST /voice?x=1 abc"));
}

TEST_F(HttpServer, KeepsTheConnectionOfAnOldClientThatAsksForIt) {
    auto peer = connect();
    peer.send("POST /voice HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na");
    const auto first = peer.read_answer();
    EXPECT_THAT(first, StartsWith("HTTP/1.0 200 OK\r\n"));
    EXPECT_THAT(first, HasSubstr("Connection: keep-alive\r\n"));
    peer.send("GET /again HTTP/1.0\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), testing::EndsWith("GET /again "));
}

TEST_F(HttpServer, TakesAWholeAddressForItsPath) {
    auto peer = connect();
    for (const auto& [target, seen] :
         {std::pair{"http://voice.example.com/voice?a=%20b", "/voice?a=%20b"},
          {"HTTPS://h:8443", "/"},
          {"https://h?x=1", "/?x=1"}}) {
        peer.send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_THAT(peer.read_answer(), testing::EndsWith(std::string("GET ") + seen + " "));
    }
}

TEST_F(HttpServer, AnswersPipelinedRequestsInOrderOnOneConnection) {
    auto peer = connect();
    std::string all;
    for (int i = 0; i < 20; ++i)
        all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: h\r\n\r\n";
    peer.send(all);
    for (int i = 0; i < 20; ++i) {
        EXPECT_THAT(peer.read_answer(), testing::EndsWith("GET /" + std::to_string(i) + " "));
    }
}

TEST_F(HttpServer, ReadsARequestThatArrivesByteByByteAndInChunks) {
    auto peer = connect();
    for (
        const char c : std::string(
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) {
        peer.send(std::string(1, c));
    }
    EXPECT_THAT(peer.read_answer(), HasSubstr("POST / abcde"));
}

TEST_F(HttpServer, ClosesWhenAskedTo) {
    auto peer = connect();
    peer.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    EXPECT_THAT(peer.read_to_end(), HasSubstr("Connection: close"));
    auto old = connect();
    old.send("GET / HTTP/1.0\r\n\r\n");
    EXPECT_THAT(old.read_to_end(), HasSubstr("GET / "));
}

TEST_F(HttpServer, AnswersHeadWithTheLengthButNoBody) {
    auto peer = connect();
    peer.send(
        "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\nGET /y HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const auto both = peer.read_to_end();
    EXPECT_THAT(both, HasSubstr("Content-Length: 8\r\n"));
    EXPECT_THAT(both, Not(HasSubstr("HEAD /x")));
    EXPECT_THAT(both, HasSubstr("GET /y"));
}

TEST_F(HttpServer, SendsNoBodyWithNoContent) {
    auto peer = connect();
    peer.send("GET /empty HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    const auto answer = peer.read_to_end();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 204"));
    EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServer, AsksForTheBodyWhenTheClientWaitsForIt) {
    auto peer = connect();
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_EQ(peer.read_through("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    peer.send("abc");
    EXPECT_THAT(peer.read_answer(), HasSubstr("POST / abc"));
    auto other = connect();
    other.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nExpect: tea\r\n\r\n");
    EXPECT_THAT(other.read_to_end(), StartsWith("HTTP/1.1 417"));
}

TEST_F(HttpServer, TellsAHandlersFailureAsInternalErrorAndGoesOn) {
    auto peer = connect();
    peer.send("GET /throw HTTP/1.1\r\nHost: h\r\n\r\nGET /after HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto answer = peer.read_answer();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
    EXPECT_THAT(answer, Not(HasSubstr("on purpose")));
    EXPECT_THAT(peer.read_answer(), HasSubstr("GET /after"));
}

TEST_F(HttpServer, DropsHeadersThatWouldStartAnother) {
    auto peer = connect();
    peer.send("GET /inject HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto answer = peer.read_answer();
    EXPECT_THAT(answer, HasSubstr("X-Good: yes"));
    EXPECT_THAT(answer, Not(HasSubstr("stolen")));
}

TEST_F(HttpServer, RefusesWhatIsNotHttp) {
    for (const std::string bad :
         {"\x16\x03\x01 hello\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
          "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
          "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        auto peer = connect();
        peer.send(bad);
        EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 400")) << bad;
    }
}

TEST_F(HttpServer, NamesThePeer) {
    auto peer = connect();
    peer.send("GET /peer HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), HasSubstr("\r\n\r\n127.0.0.1:"));
}

TEST_F(HttpServer, SurvivesAPeerThatLeavesInMidRequest) {
    for (int i = 0; i < 20; ++i) {
        auto peer = connect();
        peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
        i % 2 == 0 ? peer.reset() : peer.hang_up();
    }
    auto peer = connect();
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), HasSubstr("200 OK"));
}

TEST_F(HttpServer, ClosesIdleConnectionsAndRefusesNewOnesAfterClose) {
    auto idle = connect();
    idle.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(idle.read_answer(), HasSubstr("200 OK"));
    auto arriving = connect();
    arriving.send("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
    arriving.read_through("\r\n\r\n");  // its request is known to be half read
    server_->close();
    EXPECT_EQ(idle.read_to_end(), "");
    arriving.send("x");
    EXPECT_THAT(arriving.read_to_end(), StartsWith("HTTP/1.1 503"));
    EXPECT_THROW(connect(), std::runtime_error);
}

TEST_F(HttpServer, SaysWhyItCannotListen) {
    ServerOptions options;
    options.host = "127.0.0.1";
    options.port = server_->port();
    const auto second = Server::listen(threads_, options, {echo, {}});
    ASSERT_FALSE(second);
    EXPECT_THAT(second.error().text(), HasSubstr("127.0.0.1:" + std::to_string(server_->port())));
    EXPECT_THAT(second.error().text(), HasSubstr("address already in use"));
    options.host = "no-such-host.invalid";
    EXPECT_THAT(Server::listen(threads_, options, {echo, {}}).error().text(),
                HasSubstr("no-such-host.invalid"));
}

TEST_F(HttpServer, ListensOnIpv6) {
    ServerOptions options;
    options.host = "::1";
    auto server = Server::listen(threads_, options, {echo, {}});
    if (!server) GTEST_SKIP() << "no IPv6 here: " << server.error().text();
    const auto url =
        Url::parse("http://[::1]:" + std::to_string((*server)->port()) + "/peer").value();
    const auto response = await(threads_.context(0), fetch(url, {}));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_THAT(response->body, StartsWith("[::1]:"));
}

TEST_F(HttpServer, ListensOnEveryNetworkByDefault) {
    auto server = Server::listen(threads_, {}, {echo, {}});
    ASSERT_TRUE(server) << server.error().text();
    const auto peer_by = [&](const std::string& host) {
        const std::string port = std::to_string((*server)->port());
        const auto url = Url::parse("http://" + host + ":" + port + "/peer").value();
        const auto response = await(threads_.context(0), fetch(url, {}));
        return response ? response->body : response.error().message();
    };
    EXPECT_THAT(peer_by("127.0.0.1"), StartsWith("127.0.0.1:"));
    if (!Server::listen(threads_, {.host = "::1"}, {echo, {}})) return;  // no IPv6 here
    EXPECT_THAT(peer_by("[::1]"), StartsWith("[::1]:"));
}

TEST_F(HttpServer, WaitsWithoutSpinningWhenDescriptorsRunOut) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "UBSan, which runs along, looks at objects through a pipe: without descriptors it takes every one for broken";
#endif
    RawPeer waiting(::socket(AF_INET, SOCK_STREAM, 0));
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const auto before = limit.rlim_cur;
    const int next = ::dup(0);
    ::close(next);
    limit.rlim_cur = static_cast<rlim_t>(next);  // no descriptor at or above may be opened
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    waiting.connect_to(server_->port());  // by the kernel; the server cannot accept it
    waiting.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");

    // Half a second of the server's own time, in which a spinning thread would use half a second of
    // CPU.
    Mailbox<double> cpu_ms;
    const auto thread_cpu = [] {
        timespec used{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        return static_cast<double>(used.tv_sec) * 1e3 + static_cast<double>(used.tv_nsec) / 1e6;
    };
    asio::steady_timer timer(threads_.context(0), 500ms);
    asio::post(threads_.context(0), [&] {
        timer.async_wait([&, start = thread_cpu()](const boost::system::error_code&) {
            cpu_ms.put(thread_cpu() - start);
        });
    });
    EXPECT_LT(cpu_ms.take(), 100.0);

    limit.rlim_cur = before;
    setrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_THAT(waiting.read_answer(), HasSubstr("200 OK"));
}

class StrictHttpServer : public HttpServer {
 protected:
    StrictHttpServer() : HttpServer(options()) {}
    static ServerOptions options() {
        ServerOptions options;
        options.body_bytes_max = 100;
        options.header_bytes_max = 500;
        options.connections_max = 3;
        return options;
    }
};

TEST_F(StrictHttpServer, RefusesABodyOverTheLimit) {
    auto announced = connect();
    announced.send(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n");
    EXPECT_THAT(announced.read_to_end(), StartsWith("HTTP/1.1 413"));
    auto chunked = connect();
    chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" +
                 std::string(128, 'x') + "\r\n");
    EXPECT_THAT(chunked.read_to_end(), StartsWith("HTTP/1.1 413"));
    auto full = connect();
    full.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n" + std::string(100, 'x'));
    EXPECT_THAT(full.read_answer(), StartsWith("HTTP/1.1 200"));
}

TEST_F(StrictHttpServer, DeliversTheRefusalToAClientThatGoesOnSending) {
    auto peer = connect();
    peer.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n" +
              std::string(1'000'000, 'x'));
    EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 413"));
}

TEST_F(StrictHttpServer, RefusesAHeaderOverTheLimit) {
    auto peer = connect();
    peer.send("GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(600, 'x') + "\r\n\r\n");
    EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 431"));
    auto endless = connect();
    endless.send("GET /" + std::string(600, 'x'));
    EXPECT_THAT(endless.read_to_end(), StartsWith("HTTP/1.1 431"));
}

class HastyHttpServer : public HttpServer {
 protected:
    HastyHttpServer() : HttpServer(options()) {}
    static ServerOptions options() {
        ServerOptions options;
        options.request_timeout = 1s;
        return options;
    }
};

TEST_F(HastyHttpServer, GivesUpOnASlowRequest) {
    auto in_header = connect();
    in_header.send("GET / HTT");
    auto in_body = connect();
    in_body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\na");
    EXPECT_THAT(in_header.read_to_end(), StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(in_body.read_to_end(), StartsWith("HTTP/1.1 408"));
}

TEST_F(HastyHttpServer, ClosesAnIdleConnectionWithoutAWord) {
    auto peer = connect();
    EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(StrictHttpServer, ClosesConnectionsBeyondTheLimitAtOnce) {
    std::vector<RawPeer> full;
    for (int i = 0; i < 3; ++i) {
        full.push_back(connect());
        full.back().send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_THAT(full.back().read_answer(), HasSubstr("200 OK"));
    }
    auto one_too_many = connect();
    EXPECT_EQ(one_too_many.read_to_end(), "");
    full.front().send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    full.front().read_to_end();
    std::string answer;  // the place is free again as soon as the server has noticed
    for (const auto end = Clock::now() + patience; answer.empty() && Clock::now() < end;) {
        auto peer = connect();
        peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        answer = peer.read_answer();
    }
    EXPECT_THAT(answer, HasSubstr("200 OK"));
}

}  // namespace
}  // namespace parley::net::test
