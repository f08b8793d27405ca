// websocket_over.hpp: the WebSocket of websocket.hpp, over TCP or TLS.
//
// The frames are our own: they are most of what Parley's io threads do, and a library's read and
// write, each an operation with handlers, cost more than all that a call decides
// (docs/adr/0006-our-own-websocket-frames.md). Beast speaks the HTTP of the handshake.
//
// - One read takes whatever has come; FrameReader gives its messages one after the other. A thread
//   that is late so does more with each system call, and catches up.
// - What there is to say waits in FrameQueue and is written at the end of the io thread's round
//   (send_round.hpp), in one call. Control frames queue with the others, whole between whole.
// - Plain handlers re-arm themselves: no coroutine and no timer is touched per message. run() only
//   waits for the end, which every path has a deadline for, and destroys the stream.
#pragma once

#include "frame_queue.hpp"
#include "frame_reader.hpp"
#include "handshake.hpp"
#include "linger.hpp"
#include "send_round.hpp"

#include <parley/core/text.hpp>
#include <parley/net/websocket.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <fmt/format.h>

#include <exception>
#include <memory>
#include <optional>
#include <random>

namespace parley::net {

template <class Stream>
class WebSocketOver final : public WebSocket,
                            public Sender,
                            public std::enable_shared_from_this<WebSocketOver<Stream>> {
 public:
    // `prefix`: bytes already read from the stream.
    static std::shared_ptr<WebSocketOver> at_server(Stream stream, const WebSocketLimits& limits,
                                                    std::string_view prefix) {
        auto socket = std::shared_ptr<WebSocketOver>(
            new WebSocketOver(std::move(stream), limits, FrameReader::Masks::wanted));
        socket->reader_.put(prefix);
        return socket;
    }
    static std::shared_ptr<WebSocketOver> at_client(Stream stream, const WebSocketLimits& limits) {
        return std::shared_ptr<WebSocketOver>(
            new WebSocketOver(std::move(stream), limits, FrameReader::Masks::forbidden));
    }

    Stream& stream() { return *stream_; }

    // The two handshakes. The caller bounds the first in time, handshake_timeout the second.
    Task<std::optional<ConnectError>> ask(std::string host, std::string target, Headers headers);
    Task<error_code> accept(http::request<http::string_body> request);

    // For the owner: dropping it without having called run() drops the connection.
    std::shared_ptr<WebSocket> hand_out() {
        auto self = this->shared_from_this();
        return {this, [self](WebSocket*) { self->abandon(); }};
    }

    Task<CloseReason> run(std::function<void(Message)> on_message) override;
    bool send(std::string_view text) override;
    std::size_t queued_bytes() const override { return outbox_.bytes(); }
    void close(std::uint16_t code, std::string_view reason) override;
    void abort() override;
    asio::any_io_executor executor() const override { return executor_; }

 private:
    enum class State {
        open,
        closing,  // our close frame is on its way behind what was queued; the peer's is awaited
        parting,  // nothing more is read; what is queued goes out, with the last word
        ended,
    };
    using Self = std::shared_ptr<WebSocketOver>;

    // More than this is not kept until the end of the round: a burst should find out how much the
    // peer takes.
    static constexpr std::size_t round_bytes_max = 16 * 1024;
    // Quiet for four ticks: lost; for two: a ping.
    static constexpr int ticks_to_ping = 2;
    static constexpr int ticks_to_lost = 4;
    // Each hop lets an aborted operation hand its error one layer up; TLS has the deepest stack.
    static constexpr int hops_to_rest = 16;
    // As much as fits is written at once. TLS has no such way: what it has encrypted it must get
    // rid of.
    static constexpr bool can_write_now = std::is_same_v<Stream, TcpSocket>;

    WebSocketOver(Stream stream, const WebSocketLimits& limits, FrameReader::Masks masks);

    bool is_reading() const { return state_ == State::open || state_ == State::closing; }
    void read_some(Self self);
    void on_read(const error_code& error, std::size_t bytes, Self self);
    void take_messages();
    void take(const FrameReader::Item& item);
    void deliver(const FrameReader::Item& item);
    void answer_close(const FrameReader::Item& item);

    void push_to_round();
    void send_now() override;
    void write_queued();
    void on_written(const error_code& error, std::size_t bytes);

    void watch_idle();
    void on_tick();
    // Decides how run() will end, and by when.
    void begin_end(State state, CloseReason reason);
    void on_broken(const error_code& error);
    void finish(CloseReason reason);
    void abandon() {
        if (!was_run_) abort();
    }

    const Executor executor_;
    const WebSocketLimits limits_;
    std::optional<Stream> stream_;  // until run() ends
    State state_ = State::open;

    FrameReader reader_;
    std::function<void(Message)> on_message_;
    std::exception_ptr failure_;  // thrown by on_message_ against the rules; run() hands it on

    SendRound& round_;
    FrameQueue outbox_;
    bool is_listed_ = false;   // in this round
    bool is_writing_ = false;  // what the socket did not take at once
    int operations_ = 0;       // whose handler has not been called yet

    Timer timer_;  // the idle check while open, the deadline from then on
    bool has_read_ = false;
    int quiet_ticks_ = 0;

    Timer ended_;  // never rings; cancelled by finish()
    bool was_run_ = false;
    CloseReason reason_;  // how run() ends, from closing on
};

template <class Stream>
WebSocketOver<Stream>::WebSocketOver(Stream stream, const WebSocketLimits& limits,
                                     FrameReader::Masks masks)
    : executor_(tcp_of(stream).get_executor()),
      limits_(limits),
      stream_(std::move(stream)),
      reader_(masks, limits.message_bytes_max),
      round_(asio::use_service<SendRound>(executor_.context())),
      timer_(executor_),
      ended_(executor_, TimePoint::max()) {}

// ---- the handshakes -----------------------------------------------------------------------------

template <class Stream>
Task<std::optional<ConnectError>> WebSocketOver<Stream>::ask(std::string host, std::string target,
                                                             Headers headers) {
    auto self = this->shared_from_this();
    const auto failed = [](std::string what) {
        return ConnectError{"the WebSocket handshake failed: " + std::move(what)};
    };
    std::random_device random;
    outbox_.mask_from(std::uint64_t{random()} << 32 | random());
    const std::string key = new_handshake_key();
    const auto request = upgrade_request(host, target, key, headers);
    const auto [not_sent, sent] = co_await http::async_write(*stream_, request, with_error);
    if (not_sent) co_return failed(words_of(not_sent));

    beast::flat_buffer buffer;
    http::response_parser<http::empty_body> parser;
    const auto [not_read, read] =
        co_await http::async_read_header(*stream_, buffer, parser, with_error);
    if (not_read) co_return failed(words_of(not_read));
    const auto& answer = parser.get();
    if (answer.result() != http::status::switching_protocols) {
        const int status = static_cast<int>(answer.result_int());
        const bool is_redirect = status >= 300 && status < 400;
        co_return ConnectError{fmt::format("the server answered {}{}", status,
                                           is_redirect ? " (redirects are not followed)" : ""),
                               status};
    }
    if (auto flaw = answer_flaw(answer, key); !flaw.empty()) co_return failed(std::move(flaw));
    const auto rest = buffer.cdata();
    reader_.put({static_cast<const char*>(rest.data()), rest.size()});
    co_return std::nullopt;
}

template <class Stream>
Task<error_code> WebSocketOver<Stream>::accept(http::request<http::string_body> request) {
    auto self = this->shared_from_this();
    timer_.expires_after(limits_.handshake_timeout);
    timer_.async_wait([self](const error_code& error) {
        if (!error) self->abort();
    });
    const auto response = upgrade_response(request);
    const auto [error, bytes] = co_await http::async_write(*stream_, response, with_error);
    timer_.cancel();
    if (state_ == State::ended) co_return error_code(asio::error::timed_out);
    co_return error;
}

template <class Stream>
Task<CloseReason> WebSocketOver<Stream>::run(std::function<void(Message)> on_message) {
    auto self = this->shared_from_this();
    co_await asio::this_coro::throw_if_cancelled(false);
    ensure(!was_run_, "WebSocket::run is called once");
    was_run_ = true;
    on_message_ = std::move(on_message);
    if (state_ == State::open) watch_idle();
    take_messages();  // those that came along with the handshake
    if (is_reading()) read_some(self);
    while (state_ != State::ended) {
        co_await ended_.async_wait(with_error);
        const auto cancelled = co_await asio::this_coro::cancellation_state;
        if (cancelled.cancelled() != asio::cancellation_type::none) abort();
    }
    for (int hop = 0; operations_ > 0 && hop < hops_to_rest; ++hop) {
        co_await asio::post(executor_, asio::use_awaitable);
    }
    on_message_ = nullptr;
    stream_.reset();
    if (failure_) std::rethrow_exception(failure_);
    co_return reason_;
}

// ---- from the peer ------------------------------------------------------------------------------

template <class Stream>
void WebSocketOver<Stream>::read_some(Self self) {
    struct OnRead {
        Self self;
        void operator()(const error_code& error, std::size_t bytes) {
            auto& socket = *self;
            socket.on_read(error, bytes, std::move(self));
        }
    };
    const auto room = reader_.room();
    ++operations_;
    stream_->async_read_some(asio::buffer(room.data(), room.size()), OnRead{std::move(self)});
}

template <class Stream>
void WebSocketOver<Stream>::on_read(const error_code& error, std::size_t bytes, Self self) {
    --operations_;
    if (!is_reading()) return;
    if (error) return on_broken(error);
    has_read_ = true;
    reader_.filled(bytes);
    take_messages();
    if (is_reading()) read_some(std::move(self));
}

template <class Stream>
void WebSocketOver<Stream>::take_messages() {
    while (is_reading()) {
        const auto item = reader_.next();
        if (!item) return;
        take(*item);
    }
}

template <class Stream>
void WebSocketOver<Stream>::take(const FrameReader::Item& item) {
    using Kind = FrameReader::Item::Kind;
    switch (item.kind) {
        case Kind::text:
        case Kind::binary:
            if (state_ == State::open) deliver(item);
            break;
        case Kind::ping:
            // A peer that asks and asks and does not read gets no more answers.
            if (state_ != State::open || outbox_.bytes() >= limits_.queue_bytes_max) break;
            outbox_.push_pong(item.data);
            push_to_round();
            break;
        case Kind::pong: break;
        case Kind::close: answer_close(item); break;
        case Kind::broken:
            if (state_ == State::closing) return begin_end(State::parting, std::move(reason_));
            outbox_.drop_waiting();
            outbox_.push_close(item.code, item.data);
            begin_end(State::parting,
                      {CloseReason::How::bad_message, item.code, std::string(item.data)});
            break;
    }
}

template <class Stream>
void WebSocketOver<Stream>::deliver(const FrameReader::Item& item) {
    try {
        on_message_({item.data, item.kind == FrameReader::Item::Kind::text});
    } catch (...) {
        failure_ = std::current_exception();
        close(1011, "internal error");
    }
}

template <class Stream>
void WebSocketOver<Stream>::answer_close(const FrameReader::Item& item) {
    if (state_ == State::closing) return begin_end(State::parting, std::move(reason_));
    // Nothing may follow our answer, and what is still queued would come too late for the peer.
    outbox_.drop_waiting();
    constexpr std::uint16_t no_status = 1005;  // must not be on the wire
    if (item.code == no_status) {
        outbox_.push_close();
    } else {
        outbox_.push_close(item.code, "");
    }
    begin_end(State::parting,
              {CloseReason::How::closed_by_peer, item.code, std::string(item.data)});
}

// ---- to the peer --------------------------------------------------------------------------------

template <class Stream>
bool WebSocketOver<Stream>::send(std::string_view text) {
    if (state_ != State::open) return false;
    if (!outbox_.is_empty() && outbox_.bytes() + text.size() > limits_.queue_bytes_max) {
        outbox_.drop_waiting();
        constexpr std::string_view why = "the peer does not read";
        outbox_.push_close(1008, why);
        begin_end(State::closing, {CloseReason::How::slow_peer, 1008, std::string(why)});
        return false;
    }
    outbox_.push(text);
    push_to_round();
    return state_ == State::open;
}

template <class Stream>
void WebSocketOver<Stream>::push_to_round() {
    if (is_writing_) return;
    if (outbox_.bytes() >= round_bytes_max) return write_queued();
    if (!std::exchange(is_listed_, true)) round_.add(this->shared_from_this());
}

template <class Stream>
void WebSocketOver<Stream>::send_now() {
    is_listed_ = false;
    write_queued();
}

template <class Stream>
void WebSocketOver<Stream>::write_queued() {
    if (is_writing_ || state_ == State::ended) return;
    while (!outbox_.is_empty()) {
        const auto bytes = outbox_.front();
        if constexpr (can_write_now) {
            error_code error;
            if (!stream_->non_blocking()) stream_->non_blocking(true, error);
            outbox_.wrote(stream_->write_some(asio::buffer(bytes), error));
            if (!error) continue;
            if (error != asio::error::would_block) return on_broken(error);
        }
        is_writing_ = true;
        ++operations_;
        asio::async_write(
            *stream_, asio::buffer(outbox_.front()),
            [self = this->shared_from_this()](const error_code& error, std::size_t written) {
                self->on_written(error, written);
            });
        return;
    }
    if (state_ != State::parting) return;
    linger(std::move(*stream_));
    finish(std::move(reason_));
}

template <class Stream>
void WebSocketOver<Stream>::on_written(const error_code& error, std::size_t bytes) {
    --operations_;
    is_writing_ = false;
    if (state_ == State::ended) return;
    if (error) return on_broken(error);
    outbox_.wrote(bytes);
    write_queued();
}

// ---- the end ------------------------------------------------------------------------------------

template <class Stream>
void WebSocketOver<Stream>::close(std::uint16_t code, std::string_view reason) {
    if (state_ != State::open) return;
    // 123 bytes fit; the shortening adds up to three
    outbox_.push_close(code, shortened(reason, 120));
    begin_end(State::closing, {CloseReason::How::closed_by_us, code, std::string(reason)});
}

template <class Stream>
void WebSocketOver<Stream>::abort() {
    finish({CloseReason::How::closed_by_us, 1006, "aborted"});
}

template <class Stream>
void WebSocketOver<Stream>::watch_idle() {
    timer_.expires_after(std::chrono::duration_cast<Clock::duration>(limits_.idle_timeout) /
                         ticks_to_lost);
    timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
        if (!error && self->state_ == State::open) self->on_tick();
    });
}

template <class Stream>
void WebSocketOver<Stream>::on_tick() {
    quiet_ticks_ = std::exchange(has_read_, false) ? 0 : quiet_ticks_ + 1;
    if (quiet_ticks_ >= ticks_to_lost) {
        finish({CloseReason::How::lost, 1006,
                fmt::format("no sign of life for {} s", limits_.idle_timeout.count())});
        return;
    }
    if (quiet_ticks_ == ticks_to_ping) {
        outbox_.push_ping();
        push_to_round();
    }
    watch_idle();
}

template <class Stream>
void WebSocketOver<Stream>::begin_end(State state, CloseReason reason) {
    const bool is_first = state_ == State::open;
    state_ = state;
    reason_ = std::move(reason);
    if (is_first) {
        timer_.expires_after(close_wait);  // also cancels the idle check
        timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
            if (!error) self->finish(self->reason_);
        });
    }
    write_queued();
}

// The connection has ended, in good order or not.
template <class Stream>
void WebSocketOver<Stream>::on_broken(const error_code& error) {
    if (state_ != State::open) return finish(std::move(reason_));
    finish({CloseReason::How::lost, 1006, words_of(error)});
}

template <class Stream>
void WebSocketOver<Stream>::finish(CloseReason reason) {
    if (state_ == State::ended) return;
    state_ = State::ended;
    reason_ = std::move(reason);
    error_code ignored;
    tcp_of(*stream_).close(ignored);
    outbox_.drop_waiting();
    timer_.cancel();
    ended_.cancel();
}

}  // namespace parley::net
