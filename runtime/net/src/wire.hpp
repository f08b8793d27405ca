// wire.hpp: what Beast's WebSocket reads from and writes to: a TCP or TLS stream with three additions.
//
// - Bytes that were read along with the HTTP request come first.
// - It counts reads, by which an idle check sees signs of life without a timer per message.
// - Beast's own teardown waits without limit for the peer's FIN. Here the connection ends as soon as the
//   close frames are exchanged, and the socket is left to linger() for at most `close_wait`.
#pragma once

#include "transport.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace parley::net {

// Ends a connection without losing what was sent last: closing a socket that has unread bytes makes the
// kernel send a reset, which may overtake our answer. Reads and drops until the peer closes too.
// No operation may be under way on `stream`. The socket's io_context keeps it.
void linger(TcpSocket stream);
void linger(TlsStream stream);

template <class Stream>
class Wire {
 public:
    using executor_type = Executor;

    Wire(Stream stream, std::string prefix) : stream_(std::move(stream)), prefix_(std::move(prefix)) {}

    executor_type get_executor() noexcept { return tcp_of(stream_).get_executor(); }
    Stream& stream() { return stream_; }
    // Grows with every read begun, that is with every one before it that ended.
    std::uint64_t reads() const { return reads_; }

    void close() {
        error_code ignored;
        tcp_of(stream_).close(ignored);
    }
    void leave_to_linger() { linger(std::move(stream_)); }

    // Completion handlers only, which is all that Beast passes.
    template <class Buffers, class Handler>
    void async_read_some(const Buffers& buffers, Handler&& handler) {
        ++reads_;
        if (prefix_.empty()) {
            stream_.async_read_some(buffers, std::forward<Handler>(handler));
            return;
        }
        const auto bytes = asio::buffer_copy(buffers, asio::buffer(prefix_));
        prefix_.erase(0, bytes);
        asio::post(get_executor(), boost::beast::bind_front_handler(std::forward<Handler>(handler),
                                                                     error_code(), bytes));
    }
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        stream_.async_write_some(buffers, std::forward<Handler>(handler));
    }

    friend void beast_close_socket(Wire& wire) { wire.close(); }

 private:
    Stream stream_;
    std::string prefix_;
    std::uint64_t reads_ = 0;
};

// Found by Beast once both close frames have passed, or when the peer broke the protocol. Always succeeds,
// so that the read reports what happened rather than how the socket fared.
template <class Stream, class Handler>
void async_teardown(boost::beast::role_type, Wire<Stream>& wire, Handler&& handler) {
    wire.leave_to_linger();
    asio::post(wire.get_executor(),
               boost::beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

}  // namespace parley::net
