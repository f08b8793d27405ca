// transport.hpp: the socket types of this room.
//
// They name the io_context's own executor rather than any_io_executor: each operation on the audio
// path would otherwise pay for several type-erased calls.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/task.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>

namespace parley::net {

using asio::ip::tcp;
using boost::system::error_code;

using Executor = asio::io_context::executor_type;
using TcpSocket = asio::basic_stream_socket<tcp, Executor>;
using TlsStream = asio::ssl::stream<TcpSocket>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

// co_await operation(with_error) gives (error_code, results...) and does not throw for them.
inline constexpr auto with_error = asio::as_tuple(asio::use_awaitable);

// How long a connection may take to end in good order: for the peer's close frame, then for its
// FIN.
constexpr std::chrono::seconds close_wait{2};

inline TcpSocket& tcp_of(TcpSocket& socket) { return socket; }
inline TcpSocket& tcp_of(TlsStream& stream) { return stream.next_layer(); }

// The io_context that `home` belongs to. Bug when it is an executor of some other kind.
asio::io_context& context_of(const asio::any_io_executor& home);

// "127.0.0.1:53122", "[::1]:53122"
std::string text_of(const tcp::endpoint& endpoint);

// The system's words with a small first letter, to stand inside a sentence: "connection refused".
std::string words_of(const error_code& error);

}  // namespace parley::net
