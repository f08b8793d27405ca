#include "net_test_support.hpp"

#include <boost/beast/http/error.hpp>

namespace parley::net::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class Fetch : public testing::Test {
 protected:
    Fetch() : threads_(1) { threads_.start(); }

    // What fetch() makes of an answer given by hand, and the request as it arrived.
    Result<Response> fetch_from(const std::string& answer, Request request = {},
                                RequestLimits limits = {}) {
        auto url = server_.url("http", "/base?q=1");
        auto result = asio::co_spawn(threads_.context(0), fetch(url, std::move(request), limits),
                                     asio::use_future);
        auto peer = server_.accept();
        request_ = peer.read_through("\r\n\r\n");
        const auto at = request_.find("Content-Length: ");
        if (at != std::string::npos) request_ += peer.read(std::stoul(request_.substr(at + 16)));
        peer.send(answer);
        peer.end_of_sending();
        return result.get();
    }

    IoThreads threads_;
    RawServer server_;
    std::string request_;
};

TEST_F(Fetch, SendsMethodTargetHeadersAndBody) {
    Request request;
    request.method = "POST";
    request.headers.add("Authorization", "Basic x");
    request.body = "a=1";
    const auto response = fetch_from(
        "HTTP/1.1 201 Created\r\nContent-Type: text/xml\r\nX-A: 1\r\nContent-Length: 2\r\n\r\nok",
        request);
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 201);
    EXPECT_EQ(response->content_type, "text/xml");
    EXPECT_EQ(response->headers.get("x-a"), "1");
    EXPECT_EQ(response->body, "ok");
    EXPECT_THAT(request_, HasSubstr("POST /base?q=1 HTTP/1.1\r\n"));
    EXPECT_THAT(request_, HasSubstr("Host: 127.0.0.1:" + std::to_string(server_.port()) + "\r\n"));
    EXPECT_THAT(request_, HasSubstr("Authorization: Basic x\r\n"));
    EXPECT_THAT(request_, HasSubstr("Content-Length: 3\r\n"));
    EXPECT_THAT(request_, HasSubstr("\r\n\r\na=1"));
}

TEST_F(Fetch, ReadsChunkedAndUnboundedBodies) {
    EXPECT_EQ(
        fetch_from("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            ->body,
        "abc");
    EXPECT_EQ(fetch_from("HTTP/1.0 200 OK\r\n\r\nall the rest")->body, "all the rest");
}

TEST_F(Fetch, HandsABodyOnInPiecesAsTheyCome) {
    Mailbox<std::string> got;
    Pieces pieces;
    pieces.began = [&](const Response& head) { got.put(head.content_type); };
    pieces.take = [&](std::string piece) -> Task<bool> {
        got.put(std::move(piece));
        co_return true;
    };
    auto result = asio::co_spawn(
        threads_.context(0),
        fetch_in_pieces(server_.url("http", "/speech"), Request{}, RequestLimits{}, pieces),
        asio::use_future);
    auto peer = server_.accept();
    peer.read_through("\r\n\r\n");
    peer.send(
        "HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    EXPECT_EQ(got.take(), "audio/mpeg");
    EXPECT_EQ(got.take(), "abc") << "before the rest is there";
    peer.send("2\r\nde\r\n0\r\n\r\n");
    EXPECT_EQ(got.take(), "de");
    const auto response = result.get();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "");
}

TEST_F(Fetch, GivesARefusalAsAWholeThoughItsBodyWasToComeInPieces) {
    Pieces pieces;
    pieces.began = [](const Response&) { ADD_FAILURE(); };
    pieces.take = [](std::string) -> Task<bool> { co_return true; };
    auto result = asio::co_spawn(
        threads_.context(0),
        fetch_in_pieces(server_.url("http", "/speech"), Request{}, RequestLimits{}, pieces),
        asio::use_future);
    auto peer = server_.accept();
    peer.read_through("\r\n\r\n");
    peer.send("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 4\r\n\r\nlate");
    const auto response = result.get();
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 429);
    EXPECT_EQ(response->body, "late");
}

TEST_F(Fetch, EndsWhereNoMorePiecesAreWanted) {
    Pieces pieces;
    pieces.began = [](const Response&) {};
    pieces.take = [](std::string) -> Task<bool> { co_return false; };
    auto result = asio::co_spawn(
        threads_.context(0),
        fetch_in_pieces(server_.url("http", "/speech"), Request{}, RequestLimits{}, pieces),
        asio::use_future);
    auto peer = server_.accept();
    peer.read_through("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc");
    EXPECT_TRUE(result.get());
}

TEST_F(Fetch, DoesNotWaitForTheBodyOfHead) {
    Request request;
    request.method = "HEAD";
    const auto response = fetch_from("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", request);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->body, "");
}

TEST_F(Fetch, PassesOverInterimAnswersAndDoesNotFollowRedirects) {
    const auto response = fetch_from(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 302);
    EXPECT_EQ(response->headers.get("Location"), "/other");
}

TEST_F(Fetch, RefusesResponsesOverTheLimit) {
    RequestLimits limits;
    limits.response_bytes_max = 10;
    const auto announced = fetch_from("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", {}, limits);
    EXPECT_EQ(announced.error(), boost::beast::http::error::body_limit);
    const auto endless = fetch_from("HTTP/1.1 200 OK\r\n\r\n" + std::string(100, 'x'), {}, limits);
    EXPECT_EQ(endless.error(), boost::beast::http::error::body_limit);
}

TEST_F(Fetch, ReportsBrokenAnswers) {
    EXPECT_FALSE(fetch_from(""));
    EXPECT_FALSE(fetch_from("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"));
    EXPECT_FALSE(fetch_from("not http\r\n\r\n"));
}

TEST_F(Fetch, ReportsARefusedConnection) {
    std::uint16_t port = 0;
    {
        const RawServer gone;
        port = gone.port();
    }
    const auto url = Url::parse("http://127.0.0.1:" + std::to_string(port)).value();
    EXPECT_EQ(await(threads_.context(0), fetch(url, {})).error(), asio::error::connection_refused);
}

TEST_F(Fetch, ReportsAnUnknownHost) {
    const auto url = Url::parse("http://no-such-host.invalid/").value();
    EXPECT_FALSE(await(threads_.context(0), fetch(url, {})));
}

TEST_F(Fetch, ConnectsByName) {
    const auto url = Url::parse("http://localhost:" + std::to_string(server_.port()) + "/").value();
    auto result = asio::co_spawn(threads_.context(0), fetch(url, {}), asio::use_future);
    auto peer = server_.accept();
    EXPECT_THAT(peer.read_through("\r\n\r\n"), HasSubstr("Host: localhost:"));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(result.get());
}

TEST_F(Fetch, TimesOutOnAServerThatSaysNothingOrStopsHalfway) {
    RequestLimits limits;
    limits.timeout = 100ms;
    auto silent = asio::co_spawn(threads_.context(0), fetch(server_.url("http"), {}, limits),
                                 asio::use_future);
    auto peer = server_.accept();
    EXPECT_EQ(silent.get().error(), asio::error::timed_out);
    auto halfway = asio::co_spawn(threads_.context(0), fetch(server_.url("http"), {}, limits),
                                  asio::use_future);
    auto other = server_.accept();
    other.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc");
    EXPECT_EQ(halfway.get().error(), asio::error::timed_out);
}

TEST_F(Fetch, RefusesCharactersThatWouldStartAnotherHeader) {
    Request bad_header;
    bad_header.headers.add("X", "a\r\nY: b");
    EXPECT_EQ(await(threads_.context(0), fetch(server_.url("http"), bad_header)).error(),
              asio::error::invalid_argument);
    Request bad_target;
    bad_target.target = "/a HTTP/1.1\r\n";
    EXPECT_EQ(await(threads_.context(0), fetch(server_.url("http"), bad_target)).error(),
              asio::error::invalid_argument);
    Request bad_method;
    bad_method.method = "GET /";
    EXPECT_EQ(await(threads_.context(0), fetch(server_.url("http"), bad_method)).error(),
              asio::error::invalid_argument);
}

TEST_F(Fetch, ReadsTheRefusalOfALargeBody) {
    ServerOptions options;
    options.body_bytes_max = 100;
    auto server =
        listen(threads_, options, {[](Request) -> Task<Response> { co_return Response{}; }, {}});
    Request request;
    request.method = "PUT";
    request.body = std::string(200'000, 'x');
    const auto url = Url::parse("http://127.0.0.1:" + std::to_string(server->port())).value();
    const auto response = await(threads_.context(0), fetch(url, request));
    ASSERT_TRUE(response) << response.error().message();
    EXPECT_EQ(response->status, 413);
}

TEST_F(Fetch, SaysWhyThereIsNoResponse) {
    using Kind = FetchFailure::Kind;
    const auto kind_of = [&](Url url, RequestLimits limits = {}) {
        const auto result =
            await(threads_.context(0), fetch_or_why(std::move(url), {}, std::move(limits)));
        EXPECT_FALSE(result);
        return result ? Kind::invalid : result.error().kind;
    };
    // A machine without a network may ask its name servers for long.
    EXPECT_EQ(kind_of(Url::parse("http://does-not-exist.invalid/").value(), {.timeout = 29s}),
              Kind::dns);
    EXPECT_EQ(kind_of(Url::parse("http://127.0.0.1:1/").value()), Kind::refused);
    RequestLimits closed;
    closed.may_connect = [](const boost::asio::ip::address& address) {
        return !is_internal(address);
    };
    EXPECT_EQ(kind_of(server_.url("http"), closed), Kind::not_allowed);
    EXPECT_EQ(kind_of(Url::parse("http://localhost:1/").value(), closed), Kind::not_allowed);
}

}  // namespace
}  // namespace parley::net::test
