// wire.hpp: what Beast's WebSocket reads from and writes to: a TCP or TLS stream with four
// additions.
//
// - Two write to it, in turns: Beast its handshake and control frames, WebSocketOver its frames of
// text.
// - Bytes that were read along with the HTTP request come first.
// - It counts reads, by which an idle check sees signs of life without a timer per message.
// - Beast's own teardown waits without limit for the peer's FIN. Here the connection ends as soon
// as the
//   close frames are exchanged, and the socket is left to linger() for at most `close_wait`.
#pragma once

#include "transport.hpp"

#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/bind_handler.hpp>
#include <boost/beast/core/role.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace parley::net {

// Ends a connection without losing what was sent last: closing a socket that has unread bytes makes
// the kernel send a reset, which may overtake our answer. Reads and drops until the peer closes
// too. No operation may be under way on `stream`. The socket's io_context keeps it.
void linger(TcpSocket stream);
void linger(TlsStream stream);

// A write that may have to wait for another one to end.
struct PendingWrite {
    virtual ~PendingWrite() = default;
    virtual void start() = 0;
};

// Held by the handler of the write under way and by nothing else: it ends with it, called or not.
struct WriteTurn {
    std::unique_ptr<PendingWrite> beast_waits;
    std::function<void()> frames_wait;
};

// Ends the turn when the write has ended. A control frame that waits goes next, before the handler
// can begin a write.
template <class Handler>
struct InTurn {
    std::shared_ptr<WriteTurn> turn;
    Handler handler;

    void operator()(const error_code& error, std::size_t bytes) {
        const auto beast_waits = std::move(turn->beast_waits);
        const auto frames_wait = std::move(turn->frames_wait);
        turn.reset();
        if (beast_waits) beast_waits->start();
        std::move(handler)(error, bytes);
        if (frames_wait) frames_wait();
    }
};

template <class Stream>
class Wire {
 public:
    using executor_type = Executor;

    Wire(Stream stream, std::string prefix)
        : stream_(std::move(stream)), prefix_(std::move(prefix)) {}

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
    // Beast's way in. Writes all of the buffers, so that nothing of ours gets between the parts of
    // a control frame.
    template <class Buffers, class Handler>
    void async_write_some(const Buffers& buffers, Handler&& handler) {
        auto write = std::make_unique<BeastWrite<Buffers, std::decay_t<Handler>>>(
            *this, buffers, std::forward<Handler>(handler));
        if (const auto turn = turn_.lock()) {
            turn->beast_waits = std::move(write);
        } else {
            write->start();
        }
    }

    // Our way in: whole frames. Only while nobody is writing.
    bool is_being_written() const { return !turn_.expired(); }
    // Whoever is writing now: when that is done, `next` is called.
    void after_this_write(std::function<void()> next) {
        turn_.lock()->frames_wait = std::move(next);
    }
    // As much as fits at once. TLS has no such way: what it has encrypted it must get rid of.
    static constexpr bool can_write_now = std::is_same_v<Stream, TcpSocket>;
    std::size_t write_now(std::string_view bytes, error_code& error) {
        if (!stream_.non_blocking()) stream_.non_blocking(true, error);
        return stream_.write_some(asio::buffer(bytes), error);
    }
    // All of it. `handler` (error_code, bytes) runs on the stream's executor.
    template <class Handler>
    void async_write_all(std::string_view bytes, Handler handler) {
        asio::async_write(stream_, asio::buffer(bytes),
                          InTurn<Handler>{take_turn(), std::move(handler)});
    }

    friend void beast_close_socket(Wire& wire) { wire.close(); }

 private:
    template <class Buffers, class Handler>
    struct BeastWrite final : PendingWrite {
        BeastWrite(Wire& its_wire, const Buffers& its_buffers, Handler its_handler)
            : wire(its_wire), buffers(its_buffers), handler(std::move(its_handler)) {}
        void start() override {
            asio::async_write(wire.stream_, buffers,
                              InTurn<Handler>{wire.take_turn(), std::move(handler)});
        }
        Wire& wire;
        Buffers buffers;
        Handler handler;
    };

    std::shared_ptr<WriteTurn> take_turn() {
        auto turn = std::make_shared<WriteTurn>();
        turn_ = turn;
        return turn;
    }

    Stream stream_;
    std::weak_ptr<WriteTurn> turn_;  // of the write under way
    std::string prefix_;
    std::uint64_t reads_ = 0;
};

// Found by Beast once both close frames have passed, or when the peer broke the protocol. Always
// succeeds, so that the read reports what happened rather than how the socket fared.
template <class Stream, class Handler>
void async_teardown(boost::beast::role_type, Wire<Stream>& wire, Handler&& handler) {
    wire.leave_to_linger();
    asio::post(wire.get_executor(),
               boost::beast::bind_front_handler(std::forward<Handler>(handler), error_code()));
}

}  // namespace parley::net

// The handler inside decides where it runs and how it allocates.
template <template <class, class> class Associator, class Handler, class Default>
struct boost::asio::associator<Associator, parley::net::InTurn<Handler>, Default>
    : Associator<Handler, Default> {
    static auto get(const parley::net::InTurn<Handler>& it,
                    const Default& otherwise = {}) noexcept {
        return Associator<Handler, Default>::get(it.handler, otherwise);
    }
};
