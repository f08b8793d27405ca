#include "http_connection.hpp"

#include "linger.hpp"
#include "websocket_over.hpp"

#include <parley/core/log.hpp>
#include <parley/core/result.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <fmt/format.h>

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace parley::net {
namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view chunk_end = "\r\n";
constexpr std::string_view last_chunk = "0\r\n\r\n";
constexpr milliseconds cancel_again_after{100};

bool is_http_error(const error_code& error) {
    static const auto& category = http::make_error_code(http::error::bad_method).category();
    return error.category() == category;
}

// The status that tells the client what was wrong with its request; 0 when it has simply gone.
int status_for(const error_code& error) {
    if (error == http::error::body_limit) return 413;
    if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
    if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
    return is_http_error(error) ? 400 : 0;
}

bool asks_for_websocket(const http::fields& fields) {
    return http::token_list{fields[http::field::upgrade]}.exists("websocket");
}

// A client that thinks of us as its proxy sends the whole address (RFC 9112, 3.2.2); what is asked
// for is its path.
std::string origin_form(std::string_view target) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (lower(target.substr(0, scheme.size())) != scheme) continue;
        const auto path = target.find_first_of("/?", scheme.size());
        if (path == std::string_view::npos) return "/";
        return (target[path] == '?' ? "/" : "") + std::string(target.substr(path));
    }
    return std::string(target);
}

// What makes the upgrade request unacceptable (RFC 6455, 4.2.1), or "".
std::string upgrade_flaw(const http::request<http::string_body>& message) {
    if (message.method() != http::verb::get || message.version() < 11)
        return "a WebSocket begins with an HTTP/1.1 GET";
    if (!http::token_list{message[http::field::connection]}.exists("upgrade")) {
        return "the header \"Connection: Upgrade\" is missing; a proxy on the way may have dropped it";
    }
    // Base64 of sixteen bytes.
    const auto key = std_view(message[http::field::sec_websocket_key]);
    if (key.size() != 24 || !key.ends_with("=="))
        return "Sec-WebSocket-Key is missing or not valid";
    if (message.count(http::field::sec_websocket_version) == 0)
        return "Sec-WebSocket-Version is missing";
    return "";
}

// A released socket on its way to another thread.
class Descriptor {
 public:
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    int release() { return std::exchange(number_, -1); }
    int number() const { return number_; }

 private:
    int number_;
};

struct Passenger {
    Descriptor descriptor;
    tcp protocol;
    std::string prefix;  // read beyond the request
    http::request<http::string_body> message;
    WebSocketLimits limits;
    std::function<Task<>(std::shared_ptr<WebSocket>)> serve;
    std::shared_ptr<Ticket> ticket;
    std::string peer;
};

// The connection's second life, on its home thread.
Task<> serve_upgraded(Passenger passenger) {
    TcpSocket socket(context_of(co_await asio::this_coro::executor));
    error_code error;
    socket.assign(passenger.protocol, passenger.descriptor.number(), error);
    if (error) {
        log::error("net.move_failed", {{"peer", passenger.peer}, {"what", error.message()}});
        co_return;
    }
    passenger.descriptor.release();
    auto websocket =
        WebSocketOver<TcpSocket>::at_server(std::move(socket), passenger.limits, passenger.prefix);
    error = co_await websocket->accept(std::move(passenger.message));
    if (error) {
        log::info("net.upgrade_failed", {{"peer", passenger.peer}, {"what", error.message()}});
        co_return;
    }
    co_await passenger.serve(websocket->hand_out());
}

}  // namespace

struct HttpConnection::Clockwork {
    explicit Clockwork(TcpSocket& its_socket)
        : timer(its_socket.get_executor()), socket(&its_socket) {}
    // When `left` has passed, what the socket is doing is cancelled, and again until the timer is:
    // between two pieces of what it does there is nothing to cancel.
    static void start(const std::shared_ptr<Clockwork>& clockwork, milliseconds left) {
        clockwork->timer.expires_after(left);
        clockwork->timer.async_wait([clockwork](const error_code& error) {
            if (error || clockwork->socket == nullptr) return;
            clockwork->has_rung = true;
            error_code ignored;
            clockwork->socket->cancel(ignored);
            start(clockwork, cancel_again_after);
        });
    }
    Timer timer;
    TcpSocket* socket;  // null once the connection is gone
    bool has_rung = false;
};

HttpConnection::HttpConnection(std::shared_ptr<HttpService> service, TcpSocket socket,
                               std::shared_ptr<Ticket> ticket)
    : service_(std::move(service)),
      socket_(std::move(socket)),
      ticket_(std::move(ticket)),
      clockwork_(std::make_shared<Clockwork>(socket_)) {
    error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    if (!error) peer_ = text_of(endpoint);
    service_->connections.insert(this);
}

HttpConnection::~HttpConnection() {
    // In the middle of an answer: the io thread has stopped. Who writes may outlive it.
    if (stream_) stream_->attach({});
    clockwork_->socket = nullptr;
    clockwork_->timer.cancel();
    service_->connections.erase(this);
}

// The request's time begins.
void HttpConnection::arm() {
    clockwork_->has_rung = false;
    Clockwork::start(clockwork_, service_->options.request_timeout);
}

void HttpConnection::disarm() { clockwork_->timer.cancel(); }

void HttpConnection::close_when_idle() {
    error_code ignored;
    if (is_idle_) socket_.cancel(ignored);
    if (stream_) stream_->finish();
}

Task<> HttpConnection::run() {
    Next next = Next::read_again;
    while (next == Next::read_again) next = co_await serve_one();
    disarm();
    if (next == Next::end) linger(std::move(socket_));
}

Task<HttpConnection::Next> HttpConnection::serve_one() {
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(service_->options.header_bytes_max));
    parser.body_limit(service_->options.body_bytes_max);
    const auto status = co_await read_request(parser);
    disarm();
    if (!status) co_return Next::end;
    if (*status != 0) co_return co_await refuse(*status, "");
    if (service_->is_closing) co_return co_await refuse(503, "");

    auto message = parser.release();
    version_ = message.version() < 11 ? 10 : 11;
    if (message.version() >= 11 && message.count(http::field::host) != 1)
        co_return co_await refuse(400, "");
    Request request;
    request.method = std::string(message.method_string());
    request.target = origin_form(std_view(message.target()));
    request.headers = headers_of(message);
    request.body = std::move(message.body());
    request.peer = peer_;
    if (!asks_for_websocket(message)) co_return co_await answer(message, std::move(request));

    const auto flaw = upgrade_flaw(message);
    if (!flaw.empty()) co_return co_await refuse(400, flaw);
    if (message[http::field::sec_websocket_version] != "13") co_return co_await refuse(426, "");
    co_return co_await upgrade(std::move(message), std::move(request));
}

Task<std::optional<int>> HttpConnection::read_request(Parser& parser) {
    if (service_->is_closing && buffer_.size() == 0) co_return std::nullopt;
    arm();
    if (buffer_.size() == 0) {
        is_idle_ = true;
        const auto [wait_error] = co_await socket_.async_wait(TcpSocket::wait_read, with_error);
        is_idle_ = false;
        if (wait_error) co_return std::nullopt;
        arm();
    }
    const auto [header_error, header_bytes] =
        co_await http::async_read_header(socket_, buffer_, parser, with_error);
    error_code error = header_error;
    const auto expectation =
        parser.is_header_done() ? parser.get()[http::field::expect] : beast::string_view();
    if (!error && !expectation.empty()) {
        if (!beast::iequals(expectation, "100-continue")) co_return 417;
        if (!parser.is_done() && buffer_.size() == 0) {
            const auto [write_error, bytes] =
                co_await asio::async_write(socket_, asio::buffer(go_on), with_error);
            error = write_error;
        }
    }
    if (!error && !parser.is_done()) {
        const auto [body_error, body_bytes] =
            co_await http::async_read(socket_, buffer_, parser, with_error);
        error = body_error;
    }
    if (!error) co_return 0;
    if (clockwork_->has_rung) co_return 408;
    const int status = status_for(error);
    if (status == 0) co_return std::nullopt;
    log::info("net.request_refused",
              {{"peer", peer_}, {"status", status}, {"what", error.message()}});
    co_return status;
}

Task<HttpConnection::Next> HttpConnection::answer(const WireRequest& message, Request request) {
    const bool is_head = message.method() == http::verb::head;
    const bool keep_alive = message.keep_alive();
    Response response;
    if (!service_->handlers.on_request) {
        response = {404, "text/plain; charset=utf-8", "not found\n", {}};
        co_return co_await write(std::move(response), is_head, keep_alive);
    }
    const std::string path(request.path());
    std::string failure;
    try {
        response = co_await service_->handlers.on_request(std::move(request));
    } catch (const std::exception& error) {
        failure = error.what();
        if (failure.empty()) failure = "an exception without words";
    }
    if (!failure.empty()) {
        log::error("net.handler_failed", {{"peer", peer_}, {"path", path}, {"what", failure}});
        response = {500, "text/plain; charset=utf-8", "internal error\n", {}};
    }
    co_return co_await write(std::move(response), is_head, keep_alive);
}

Task<HttpConnection::Next> HttpConnection::upgrade(WireRequest message, Request request) {
    UpgradeAnswer verdict;
    const std::string path(request.path());
    std::string failure;
    if (!service_->handlers.on_upgrade) {
        verdict.refusal = Response{404, "text/plain; charset=utf-8", "not found\n", {}};
    } else {
        try {
            verdict = co_await service_->handlers.on_upgrade(std::move(request));
        } catch (const std::exception& error) {
            failure = error.what();
            if (failure.empty()) failure = "an exception without words";
        }
    }
    if (failure.empty() && !verdict.refusal) {
        if (!verdict.serve) failure = "the answer has neither a refusal nor someone to serve";
        if (verdict.home >= service_->threads.count()) failure = "the answer names no io thread";
    }
    if (!failure.empty()) {
        log::error("net.handler_failed", {{"peer", peer_}, {"path", path}, {"what", failure}});
        verdict.refusal = Response{500, "text/plain; charset=utf-8", "internal error\n", {}};
    }
    if (verdict.refusal) {
        const bool keep_alive = message.keep_alive();
        co_return co_await write(std::move(*verdict.refusal), false, keep_alive);
    }
    move_home(std::move(message), std::move(verdict));
    co_return Next::upgraded;
}

void HttpConnection::move_home(WireRequest message, UpgradeAnswer answer) {
    error_code error;
    const auto protocol = socket_.local_endpoint(error).protocol();
    Descriptor descriptor(error ? -1 : socket_.release(error));
    if (error) {  // the peer has gone meanwhile
        log::info("net.upgrade_failed", {{"peer", peer_}, {"what", error.message()}});
        return;
    }
    const auto unread = buffer_.cdata();
    Passenger passenger{std::move(descriptor),
                        protocol,
                        std::string(static_cast<const char*>(unread.data()), unread.size()),
                        std::move(message),
                        service_->options.websocket,
                        std::move(answer.serve),
                        std::move(ticket_),
                        peer_};
    asio::co_spawn(
        service_->threads.context(answer.home), serve_upgraded(std::move(passenger)),
        [peer = peer_](std::exception_ptr failure) {
            if (!failure) return;
            try {
                std::rethrow_exception(failure);
            } catch (const std::exception& thrown) {
                log::error("net.serve_failed", {{"peer", peer}, {"what", thrown.what()}});
            } catch (...) {
                log::error("net.serve_failed", {{"peer", peer}});
            }
        });
}

Task<HttpConnection::Next> HttpConnection::refuse(int status, std::string why) {
    const auto reason = http::obsolete_reason(static_cast<http::status>(status));
    Response response;
    response.status = status;
    response.body = (why.empty() ? lower(std_view(reason)) : why) + "\n";
    if (status == 426) {
        response.headers.set("Sec-WebSocket-Version", "13");
        response.headers.set("Upgrade", "websocket");
    }
    co_return co_await write(std::move(response), false, false);
}

void HttpConnection::fill_head(http::response_header<>& head, const Response& response) const {
    // an HTTP/1.0 client that keeps the connection is told so in its own words
    head.version(version_);
    head.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers.all()) {
        const auto field = http::string_to_field(name);
        const bool is_ours = field == http::field::content_length ||
                             field == http::field::transfer_encoding ||
                             field == http::field::connection || field == http::field::content_type;
        if (is_ours) continue;
        if (is_safe_header(name, value)) {
            head.insert(name, value);
        } else {
            log::error("net.bad_response_header", {{"peer", peer_}, {"name", name}});
        }
    }
    const bool has_body = response.status != 204 && response.status != 304;
    if (has_body && !response.content_type.empty() &&
        is_safe_header("Content-Type", response.content_type)) {
        head.set(http::field::content_type, response.content_type);
    }
}

Task<HttpConnection::Next> HttpConnection::write(Response response, bool is_head, bool keep_alive) {
    const auto stream = std::move(response.stream);
    if (response.status < 200 || response.status > 599) {
        log::error("net.bad_response", {{"peer", peer_}, {"status", response.status}});
        response = {500, "text/plain; charset=utf-8", "internal error\n", {}};
    } else if (stream) {
        // its end is the end of the connection for one who does not know chunks
        if (service_->is_closing || version_ < 11) keep_alive = false;
        http::response<http::empty_body> message;
        fill_head(message, response);
        message.keep_alive(keep_alive);
        if (version_ >= 11) message.chunked(true);
        stream_ = stream;
        if (service_->is_closing) stream->finish();
        const auto next = co_await write_stream(std::move(message), std::move(response.body),
                                                is_head, keep_alive);
        std::exchange(stream_, {})->close(BodyStream::State::over);
        co_return next;
    }
    if (service_->is_closing) keep_alive = false;
    const bool has_body = response.status != 204 && response.status != 304;
    http::response<http::string_body> message;
    fill_head(message, response);
    message.keep_alive(keep_alive);
    if (has_body) {
        message.content_length(response.body.size());
        if (!is_head) message.body() = std::move(response.body);
    }
    arm();
    http::response_serializer<http::string_body> serializer(message);
    error_code error;
    if (is_head) {  // the header of the answer, with the length that the body would have
        const auto [write_error, bytes] =
            co_await http::async_write_header(socket_, serializer, with_error);
        error = write_error;
    } else {
        const auto [write_error, bytes] =
            co_await http::async_write(socket_, serializer, with_error);
        error = write_error;
    }
    disarm();
    co_return !error && keep_alive ? Next::read_again : Next::end;
}

// Within the time of a request, or the client does not read.
Task<error_code> HttpConnection::write_all(std::vector<asio::const_buffer> buffers) {
    arm();
    const auto [error, bytes] = co_await asio::async_write(socket_, buffers, with_error);
    disarm();
    co_return error;
}

// What a streaming answer waits for between two pieces: the next one, or the client's end. Shared
// with handlers that may run when the connection is gone.
struct HttpConnection::Waiting {
    Waiting(TcpSocket& its_socket, std::weak_ptr<const BodyStream> its_stream)
        : timer(its_socket.get_executor()), socket(&its_socket), stream(std::move(its_stream)) {
        timer.expires_at(TimePoint::max());
    }
    // There is something to look at.
    void look() {
        timer.cancel();
        const auto known = stream.lock();
        if (socket == nullptr || !known || !known->is_broken()) return;
        // Nobody waits for a client who does not read. Closed, not cancelled: a write may be between
        // two pieces, where there is nothing to cancel, and would then wait for the client.
        error_code ignored;
        socket->set_option(asio::socket_base::linger(true, 0), ignored);
        socket->close(ignored);
    }
    Timer timer;
    TcpSocket* socket;  // null once the answer is over
    std::weak_ptr<const BodyStream> stream;
    bool is_gone = false;
};

Task<HttpConnection::Next> HttpConnection::write_stream(http::response<http::empty_body> head,
                                                        std::string first, bool is_head,
                                                        bool keep_alive) {
    http::response_serializer<http::empty_body> serializer(head);
    arm();
    const auto [head_error, head_bytes] =
        co_await http::async_write_header(socket_, serializer, with_error);
    disarm();
    if (head_error) co_return Next::end;
    if (is_head) co_return keep_alive ? Next::read_again : Next::end;

    const auto waiting = std::make_shared<Waiting>(socket_, stream_);
    stream_->attach(
        [waiting] { asio::post(waiting->timer.get_executor(), [waiting] { waiting->look(); }); });
    // A client that goes says nothing but that its side of the connection has ended. One that has
    // sent its next request already is not watched any more: a write will tell.
    if (buffer_.size() == 0) {
        socket_.async_wait(TcpSocket::wait_read, [waiting](const error_code& error) {
            if (error == asio::error::operation_aborted || waiting->socket == nullptr) return;
            char byte = 0;
            const int socket = waiting->socket->native_handle();
            const auto got = ::recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
            waiting->is_gone = got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
            if (waiting->is_gone) waiting->timer.cancel();
        });
    }
    const bool is_chunked = version_ >= 11;
    std::string size;
    BodyStream::Taken taken;
    if (!first.empty())
        taken.pieces.push_back(std::make_shared<const std::string>(std::move(first)));
    error_code error;
    while (!error) {
        auto more = stream_->take();
        taken.pieces.insert(taken.pieces.end(), more.pieces.begin(), more.pieces.end());
        taken.state = more.state;
        if (taken.state == BodyStream::State::over || taken.state == BodyStream::State::overrun)
            break;
        if (!taken.pieces.empty()) {
            std::size_t bytes = 0;
            for (const auto& piece : taken.pieces) bytes += piece->size();
            size = fmt::format("{:x}\r\n", bytes);
            std::vector<asio::const_buffer> buffers;
            if (is_chunked) buffers.push_back(asio::buffer(size));
            for (const auto& piece : taken.pieces) buffers.push_back(asio::buffer(*piece));
            if (is_chunked) buffers.push_back(asio::buffer(chunk_end));
            error = co_await write_all(std::move(buffers));
            taken.pieces.clear();
            stream_->taken_away();
            continue;
        }
        if (taken.state == BodyStream::State::finished) break;
        if (!waiting->is_gone) co_await waiting->timer.async_wait(with_error);
        if (waiting->is_gone) error = asio::error::eof;
    }
    error_code ignored;
    socket_.cancel(ignored);  // of the watching
    waiting->socket = nullptr;
    stream_->attach({});
    if (stream_->take().state == BodyStream::State::overrun)
        log::warn("net.slow_client",
                  {{"peer", peer_}, {"what", "does not read what it asked for"}});
    const bool is_whole = !error && taken.state == BodyStream::State::finished;
    if (!is_whole) {  // the client must not take what it has for all of it
        socket_.set_option(asio::socket_base::linger(true, 0), ignored);
        co_return Next::gone;
    }
    if (is_chunked) {
        std::vector<asio::const_buffer> buffers{asio::buffer(last_chunk)};
        error = co_await write_all(std::move(buffers));
    }
    if (service_->is_closing) keep_alive = false;
    co_return !error && keep_alive ? Next::read_again : Next::end;
}

Task<> serve_connection(std::shared_ptr<HttpService> service, TcpSocket socket,
                        std::shared_ptr<Ticket> ticket) {
    HttpConnection connection(std::move(service), std::move(socket), std::move(ticket));
    co_await connection.run();
}

}  // namespace parley::net
