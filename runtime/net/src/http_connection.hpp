// http_connection.hpp: one accepted connection, from its first request to its last or to its
// upgrade.
//
// Owner:  the coroutine serve_connection; the server's list refers to it while it lives.
// Thread: io thread 0, until an upgrade hands the socket to its home.
// End:    the peer closes, a request is not acceptable, time runs out, or the server closes.
#pragma once

#include "http_messages.hpp"
#include "transport.hpp"

#include <parley/net/body_stream.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace parley::net {

class HttpConnection;

// What the connections of a server share. Used on io thread 0 alone, but for `open`.
struct HttpService {
    IoThreads& threads;
    ServerOptions options;
    Server::Handlers handlers;
    std::shared_ptr<std::atomic<std::size_t>> open;  // connections, upgraded ones included
    std::set<HttpConnection*> connections;           // still speaking HTTP
    bool is_closing = false;
};

// Counts a connection as open for as long as it exists.
class Ticket {
 public:
    explicit Ticket(std::shared_ptr<std::atomic<std::size_t>> open) : open_(std::move(open)) {
        ++*open_;
    }
    ~Ticket() { --*open_; }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

 private:
    std::shared_ptr<std::atomic<std::size_t>> open_;
};

class HttpConnection {
 public:
    HttpConnection(std::shared_ptr<HttpService> service, TcpSocket socket,
                   std::shared_ptr<Ticket> ticket);
    ~HttpConnection();
    HttpConnection(const HttpConnection&) = delete;
    HttpConnection& operator=(const HttpConnection&) = delete;

    Task<> run();
    // Ends a connection that waits for its next request; one being answered ends after its answer,
    // and an answer that is written piece by piece after what is queued of it.
    void close_when_idle();

 private:
    using Parser = http::request_parser<http::string_body>;
    using WireRequest = http::request<http::string_body>;
    enum class Next { read_again, end, gone, upgraded };  // gone: without a word

    Task<Next> serve_one();
    // The status to refuse the request with, 0 when it is there, or nothing when there is no one to
    // answer.
    Task<std::optional<int>> read_request(Parser& parser);
    Task<Next> answer(const WireRequest& message, Request request);
    Task<Next> upgrade(WireRequest message, Request request);
    Task<Next> refuse(int status, std::string why);
    Task<Next> write(Response response, bool is_head, bool keep_alive);
    Task<Next> write_stream(http::response<http::empty_body> head, std::string first, bool is_head,
                            bool keep_alive);
    // Fills in status and headers; those of the body are the caller's.
    void fill_head(http::response_header<>& head, const Response& response) const;
    Task<error_code> write_all(std::vector<asio::const_buffer> buffers);
    void move_home(WireRequest message, UpgradeAnswer answer);

    struct Waiting;
    struct Clockwork;  // outlives the connection while its timer's handler is queued
    void arm();
    void disarm();

    std::shared_ptr<HttpService> service_;
    TcpSocket socket_;
    std::shared_ptr<Ticket> ticket_;
    std::shared_ptr<Clockwork> clockwork_;
    std::string peer_;
    beast::flat_buffer buffer_;
    std::shared_ptr<BodyStream> stream_;  // of the answer being written
    bool is_idle_ = false;
    unsigned version_ = 11;  // of the last request: 10 or 11
};

Task<> serve_connection(std::shared_ptr<HttpService> service, TcpSocket socket,
                        std::shared_ptr<Ticket> ticket);

}  // namespace parley::net
