#include "net_test_support.hpp"

#include <parley/net/body_stream.hpp>

#include <boost/asio/detached.hpp>

namespace parley::net::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

using Stream = std::shared_ptr<BodyStream>;

class StreamedAnswer : public testing::Test {
 protected:
    StreamedAnswer() : threads_(2) {
        Server::Handlers handlers;
        handlers.on_request = [this](Request request) { return answer(std::move(request)); };
        // no test ends because a time is up
        server_ = listen(threads_, {.request_timeout = 1h}, std::move(handlers));
        threads_.start();
    }
    ~StreamedAnswer() override {
        server_.reset();
        threads_.stop();
    }
    Task<Response> answer(Request request) {
        Response response;
        if (request.path() == "/plain") {
            response.body = "plain";
            co_return response;
        }
        response.content_type = "text/event-stream";
        if (request.path() == "/greeted") response.body = "hello ";
        response.stream = std::make_shared<BodyStream>(limits_);
        streams_.put(response.stream);
        co_return response;
    }
    RawPeer ask(const std::string& path = "/", const std::string& version = "1.1") {
        auto peer = RawPeer::connect(server_->port());
        peer.send("GET " + path + " HTTP/" + version + "\r\nHost: h\r\n\r\n");
        return peer;
    }
    // Waits for the end of a stream.
    void expect_over(const Stream& stream) {
        Mailbox<bool> over;
        stream->on_over([&] { over.put(true); });
        EXPECT_TRUE(over.take());
        EXPECT_FALSE(stream->send("more"));
    }

    BodyStreamLimits limits_;
    Mailbox<Stream> streams_;
    std::shared_ptr<BodyStream> outlives_the_threads_;
    IoThreads threads_;
    std::unique_ptr<Server> server_;
};

TEST_F(StreamedAnswer, SendsEachPieceAsItComesAndKeepsTheConnection) {
    auto peer = ask("/greeted");
    const auto stream = streams_.take();
    const auto head = peer.read_through("\r\n\r\n");
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, HasSubstr("Content-Type: text/event-stream\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    EXPECT_EQ(peer.read_through("hello \r\n"), "6\r\nhello \r\n");
    EXPECT_TRUE(stream->send("one"));
    EXPECT_EQ(peer.read_through("one\r\n"), "3\r\none\r\n");
    EXPECT_TRUE(stream->send("a second one"));
    EXPECT_EQ(peer.read_through("one\r\n"), "c\r\na second one\r\n");
    stream->finish();
    EXPECT_FALSE(stream->send("too late"));
    EXPECT_EQ(peer.read(5), "0\r\n\r\n");
    peer.send("GET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), EndsWith("plain"));
    expect_over(stream);
}

TEST_F(StreamedAnswer, EndsWithTheConnectionForAnOldClient) {
    auto peer = ask("/", "1.0");
    const auto stream = streams_.take();
    stream->send("one ");
    stream->send("two");
    stream->finish();
    const auto answer = peer.read_to_end();
    EXPECT_THAT(answer, Not(HasSubstr("chunked")));
    EXPECT_THAT(answer, EndsWith("\r\n\r\none two"));
}

TEST_F(StreamedAnswer, HasNoBodyForHead) {
    auto peer = RawPeer::connect(server_->port());
    peer.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_over(streams_.take());
    peer.read_through("\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), EndsWith("plain"));
}

TEST_F(StreamedAnswer, AnswersTheNextRequestThatWasSentAhead) {
    auto peer = RawPeer::connect(server_->port());
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /plain HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto stream = streams_.take();
    stream->send("one");
    stream->finish();
    peer.read_through("0\r\n\r\n");
    EXPECT_THAT(peer.read_answer(), EndsWith("plain"));
}

TEST_F(StreamedAnswer, IsOverWhenTheClientGoes) {
    auto peer = ask();
    const auto stream = streams_.take();
    peer.read_through("\r\n\r\n");
    peer.hang_up();
    expect_over(stream);

    auto rude = ask();
    const auto another = streams_.take();
    rude.read_through("\r\n\r\n");
    rude.reset();
    expect_over(another);
}

TEST_F(StreamedAnswer, LeavesAClientThatDoesNotKeepUp) {
    limits_.queue_bytes_max = 100'000;
    auto peer = RawPeer::connect(server_->port());
    peer.shrink_receive_buffer();
    peer.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    const auto stream = streams_.take();
    const auto piece = std::make_shared<const std::string>(10'000, 'x');
    int sent = 0;
    while (stream->send(piece) && sent < 100'000) {
        ++sent;
        EXPECT_LE(stream->queued_bytes(), limits_.queue_bytes_max);
    }
    EXPECT_LT(sent, 100'000) << "it would have taken a gigabyte";
    expect_over(stream);
    EXPECT_THAT(peer.read_to_end(), Not(EndsWith("0\r\n\r\n")));
}

TEST_F(StreamedAnswer, WritesNoFasterThanTheClientReads) {
    limits_ = {.queue_bytes_max = 1'000, .write_ahead_bytes_max = 50'000};
    auto peer = ask("/", "1.0");
    const auto stream = streams_.take();
    Mailbox<bool> done;
    const auto write = [&, stream]() -> Task<> {
        bool is_open = true;
        for (int i = 0; i < 200; ++i) {
            is_open = is_open && co_await stream->write(std::string(20'000, 'x'));
            EXPECT_LE(stream->queued_bytes(), 50'000U);
        }
        stream->finish();
        done.put(is_open);
    };
    asio::co_spawn(threads_.context(1), write(), asio::detached);
    EXPECT_EQ(peer.read_to_end().size() / 20'000, 200U);
    EXPECT_TRUE(done.take());
}

TEST_F(StreamedAnswer, TellsAWriterThatWaitsWhenTheClientGoes) {
    limits_.write_ahead_bytes_max = 1'000;
    auto peer = ask();
    const auto stream = streams_.take();
    Mailbox<bool> done;
    const auto write = [&, stream]() -> Task<> {
        while (co_await stream->write(std::string(20'000, 'x'))) {
        }
        done.put(true);
    };
    asio::co_spawn(threads_.context(1), write(), asio::detached);
    peer.read(10'000);
    peer.hang_up();
    EXPECT_TRUE(done.take());
}

TEST_F(StreamedAnswer, BreaksOffWithoutTheLastChunk) {
    auto peer = ask();
    const auto stream = streams_.take();
    stream->send("one");
    EXPECT_THAT(peer.read_through("one\r\n"), EndsWith("one\r\n"));
    stream->abort();
    EXPECT_EQ(peer.read_to_end(), "");
}

TEST_F(StreamedAnswer, MayEndWithItsThreadsBeforeItsWriterDoes) {
    auto peer = ask();
    outlives_the_threads_ = streams_.take();
    outlives_the_threads_->send("one");
    EXPECT_THAT(peer.read_through("one\r\n"), EndsWith("one\r\n"));
}

TEST_F(StreamedAnswer, EndsInGoodOrderWhenTheServerCloses) {
    auto peer = ask();
    const auto stream = streams_.take();
    peer.read_through("\r\n\r\n");
    stream->send("one");
    server_->close();
    EXPECT_EQ(peer.read_to_end(), "3\r\none\r\n0\r\n\r\n");
    expect_over(stream);
}

}  // namespace
}  // namespace parley::net::test
