#include "websocket_over.hpp"

#include "dial.hpp"
#include "tls.hpp"

#include <stdexcept>

namespace parley::net {
namespace {

using Connected = boost::system::result<std::shared_ptr<WebSocket>, ConnectError>;

template <class Stream>
Task<Connected> connect_over(std::shared_ptr<WebSocketOver<Stream>> socket, Url url,
                             Headers headers, WebSocketLimits limits) {
    auto& tcp_socket = tcp_of(socket->stream());
    Deadline deadline(tcp_socket.get_executor().context(), limits.handshake_timeout);
    const auto failure = co_await dial(socket->stream(), url, deadline);
    if (failure) co_return ConnectError{failure->what, 0, failure->is_tls};

    auto refusal = co_await socket->ask(url.authority(), url.target, std::move(headers));
    deadline.on_expiry(nullptr);
    if (deadline.has_expired()) co_return ConnectError{"timed out"};
    if (refusal) co_return std::move(*refusal);
    co_return socket->hand_out();
}

}  // namespace

Task<Connected> connect(Url url, Headers headers, WebSocketLimits limits) {
    auto& context = context_of(co_await asio::this_coro::executor);
    for (const auto& [name, value] : headers.all()) {
        if (!is_safe_header(name, value)) {
            co_return ConnectError{
                "a header has characters that HTTP does not allow: " + shortened(name, 60), 0,
                false};
        }
    }
    if (url.is_secure()) {
        auto socket = WebSocketOver<TlsStream>::at_client(
            TlsStream(TcpSocket(context), tls_client_context()), limits);
        co_return co_await connect_over(std::move(socket), std::move(url), std::move(headers),
                                        limits);
    }
    auto socket = WebSocketOver<TcpSocket>::at_client(TcpSocket(context), limits);
    co_return co_await connect_over(std::move(socket), std::move(url), std::move(headers), limits);
}

void throw_exception_from_error(const ConnectError& error, const boost::source_location&) {
    throw std::runtime_error(error.what);
}

}  // namespace parley::net
