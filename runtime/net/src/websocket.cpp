#include "websocket_over.hpp"

#include "dial.hpp"
#include "tls.hpp"

#include <boost/beast/core/error.hpp>

#include <fmt/format.h>

#include <stdexcept>

namespace parley::net {
namespace {

using Connected = boost::system::result<std::shared_ptr<WebSocket>, ConnectError>;

std::string handshake_failure(const error_code& error, int http_status) {
    if (error != websocket::error::upgrade_declined)
        return "the WebSocket handshake failed: " + words_of(error);
    if (http_status >= 300 && http_status < 400) {
        return fmt::format("the server answered {} (redirects are not followed)", http_status);
    }
    return fmt::format("the server answered {}", http_status);
}

template <class Stream>
Task<Connected> connect_over(std::shared_ptr<WebSocketOver<Stream>> socket, Url url,
                             Headers headers, WebSocketLimits limits) {
    auto& tcp_socket = tcp_of(socket->stream());
    Deadline deadline(tcp_socket.get_executor().context(), limits.handshake_timeout);
    const auto failure = co_await dial(socket->stream(), url, deadline);
    if (failure) co_return ConnectError{failure->what, 0, failure->is_tls};

    int http_status = 0;
    const auto error =
        co_await socket->ask(url.authority(), url.target, std::move(headers), http_status);
    deadline.on_expiry(nullptr);
    if (deadline.has_expired()) co_return ConnectError{"timed out", 0, false};
    if (error) {
        const bool was_declined = error == websocket::error::upgrade_declined;
        co_return ConnectError{handshake_failure(error, http_status),
                               was_declined ? http_status : 0, false};
    }
    co_return socket->hand_out();
}

}  // namespace

std::optional<CloseReason> bad_message(const error_code& error) {
    const auto bad = [&](std::uint16_t code) {
        return CloseReason{CloseReason::How::bad_message, code, words_of(error)};
    };
    if (error == websocket::error::message_too_big || error == websocket::error::buffer_overflow)
        return bad(1009);
    if (error == websocket::error::bad_frame_payload) return bad(1007);
    if (error == websocket::condition::protocol_violation) return bad(1002);
    return std::nullopt;
}

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
        auto socket = WebSocketOver<TlsStream>::create(
            TlsStream(TcpSocket(context), tls_client_context()), limits);
        co_return co_await connect_over(std::move(socket), std::move(url), std::move(headers),
                                        limits);
    }
    auto socket = WebSocketOver<TcpSocket>::create(TcpSocket(context), limits);
    co_return co_await connect_over(std::move(socket), std::move(url), std::move(headers), limits);
}

void throw_exception_from_error(const ConnectError& error, const boost::source_location&) {
    throw std::runtime_error(error.what);
}

}  // namespace parley::net
