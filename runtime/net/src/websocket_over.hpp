// websocket_over.hpp: the WebSocket of websocket.hpp on Beast, over TCP or TLS.
//
// Messages are read by a plain handler that re-arms itself: no coroutine, no type-erased executor
// and no timer is touched per message. run() only waits for the end.
//
// Beast reads, shakes hands and sends control frames. Frames of text are built here
// (frame_queue.hpp) and written past it, in one system call at the end of the io thread's round
// (send_round.hpp): that saves Beast's composed write, a handler of its own and most wake-ups of
// the reader. Wire keeps the two writers apart.
//
// Beast allows a read, a ping and a close at the same time, but in 1.81 a close that finds the read
// failing on a bad frame can wait for it, and it for the close, for ever. So a close is started
// only when no write or ping is under way, every ending has a deadline that does not depend on
// Beast, and run() destroys the stream, and with it whatever is still suspended inside.
#pragma once

#include "frame_queue.hpp"
#include "http_messages.hpp"
#include "send_round.hpp"
#include "wire.hpp"

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>
#include <parley/net/websocket.hpp>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <random>

namespace parley::net {

namespace websocket = boost::beast::websocket;

// A clear word for what Beast found wrong with a frame, or nothing for errors of the connection.
std::optional<CloseReason> bad_message(const error_code& error);

template <class Stream>
class WebSocketOver final : public WebSocket,
                            public Sender,
                            public std::enable_shared_from_this<WebSocketOver<Stream>> {
 public:
    // `prefix`: bytes already read from the stream.
    static std::shared_ptr<WebSocketOver> create(Stream stream, const WebSocketLimits& limits,
                                                 std::string prefix = {}) {
        return std::shared_ptr<WebSocketOver>(
            new WebSocketOver(std::move(stream), limits, std::move(prefix)));
    }

    Stream& stream() { return stream_->next_layer().stream(); }

    // The two handshakes. The caller bounds the first in time, handshake_timeout the second.
    Task<error_code> ask(std::string host, std::string target, Headers headers, int& http_status);
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
        draining,  // a close was decided; the text being written or queued goes first
        closing,   // our close frame is on its way
        ended,
    };
    using Self = std::shared_ptr<WebSocketOver>;

    // More than this is not kept until the end of the round: a burst should find out how much the
    // peer takes.
    static constexpr std::size_t round_bytes_max = 16 * 1024;
    static constexpr std::size_t inbox_bytes_kept = 32 * 1024;
    // Quiet for four ticks: lost; for two: a ping.
    static constexpr int ticks_to_ping = 2;
    static constexpr int ticks_to_lost = 4;
    // Each hop lets an aborted operation hand its error one layer up; the deepest stack has six.
    static constexpr int hops_to_rest = 16;

    WebSocketOver(Stream stream, const WebSocketLimits& limits, std::string prefix);

    void read_next(Self self);
    void on_read(const error_code& error, Self self);
    void send_now() override;
    void write_queued();  // and starts a close that waits for it
    void on_written(const error_code& error, std::size_t bytes);
    void ping();
    void watch_idle();
    void on_tick();
    void begin_end(CloseReason reason);  // decides how run() will end, and by when
    void send_close();
    void on_broken(const error_code& error);
    void finish(CloseReason reason);
    void abandon() {
        if (!was_run_) abort();
    }

    const Executor executor_;
    const WebSocketLimits limits_;
    std::optional<websocket::stream<Wire<Stream>, false>> stream_;  // until run() ends
    State state_ = State::open;

    beast::flat_buffer inbox_;
    std::function<void(Message)> on_message_;
    std::exception_ptr failure_;  // thrown by on_message_ against the rules; run() hands it on

    SendRound& round_;
    FrameQueue outbox_;
    bool is_listed_ = false;   // in this round
    bool is_writing_ = false;  // what the socket did not take at once
    bool is_pinging_ = false;
    int operations_ = 0;  // whose handler has not been called yet

    Timer timer_;  // the idle check while open, the deadline once closing
    std::uint64_t reads_seen_ = 0;
    int quiet_ticks_ = 0;

    Timer ended_;  // never rings; cancelled by finish()
    bool was_run_ = false;
    CloseReason reason_;  // how run() ends, from draining on
};

template <class Stream>
WebSocketOver<Stream>::WebSocketOver(Stream stream, const WebSocketLimits& limits,
                                     std::string prefix)
    : executor_(tcp_of(stream).get_executor()),
      limits_(limits),
      round_(asio::use_service<SendRound>(executor_.context())),
      timer_(executor_),
      ended_(executor_, TimePoint::max()) {
    stream_.emplace(Wire<Stream>(std::move(stream), std::move(prefix)));
    stream_->read_message_max(limits.message_bytes_max);
    stream_->secure_prng(false);  // for the masks of control frames, see FrameQueue::mask_from
}

template <class Stream>
Task<error_code> WebSocketOver<Stream>::ask(std::string host, std::string target, Headers headers,
                                            int& http_status) {
    auto self = this->shared_from_this();
    std::random_device random;
    outbox_.mask_from(std::uint64_t{random()} << 32 | random());
    stream_->set_option(
        websocket::stream_base::decorator([headers](websocket::request_type& request) {
            request.set(http::field::user_agent, "parley");
            for (const auto& [name, value] : headers.all()) request.set(name, value);
        }));
    websocket::response_type response;
    const auto [error] = co_await stream_->async_handshake(response, host, target, with_error);
    http_status = static_cast<int>(response.result_int());
    // the headers may hold a key, which need not stay in memory as long as the connection
    if (stream_) {
        stream_->set_option(websocket::stream_base::decorator([](websocket::request_type&) {}));
    }
    co_return error;
}

template <class Stream>
Task<error_code> WebSocketOver<Stream>::accept(http::request<http::string_body> request) {
    auto self = this->shared_from_this();
    timer_.expires_after(limits_.handshake_timeout);
    timer_.async_wait([self](const error_code& error) {
        if (!error) self->abort();
    });
    const auto [error] = co_await stream_->async_accept(request, with_error);
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
    if (state_ == State::open) {
        watch_idle();
        read_next(self);
    }
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

template <class Stream>
bool WebSocketOver<Stream>::send(std::string_view text) {
    if (state_ != State::open) return false;
    if (!outbox_.is_empty() && outbox_.bytes() + text.size() > limits_.queue_bytes_max) {
        outbox_.drop_waiting();
        begin_end({CloseReason::How::slow_peer, 1008, "the peer does not read"});
        return false;
    }
    outbox_.push(text);
    if (is_writing_) return true;
    if (outbox_.bytes() >= round_bytes_max) {
        write_queued();
        return state_ == State::open;
    }
    if (!std::exchange(is_listed_, true)) round_.add(this->shared_from_this());
    return true;
}

template <class Stream>
void WebSocketOver<Stream>::send_now() {
    is_listed_ = false;
    write_queued();
}

template <class Stream>
void WebSocketOver<Stream>::close(std::uint16_t code, std::string_view reason) {
    if (state_ != State::open) return;
    begin_end({CloseReason::How::closed_by_us, code, std::string(reason)});
}

template <class Stream>
void WebSocketOver<Stream>::abort() {
    finish({CloseReason::How::closed_by_us, 1006, "aborted"});
}

template <class Stream>
void WebSocketOver<Stream>::read_next(Self self) {
    struct OnRead {
        Self self;
        void operator()(const error_code& error, std::size_t) {
            auto& socket = *self;
            socket.on_read(error, std::move(self));
        }
    };
    ++operations_;
    stream_->async_read(inbox_, OnRead{std::move(self)});
}

template <class Stream>
void WebSocketOver<Stream>::on_read(const error_code& error, Self self) {
    --operations_;
    if (state_ == State::ended) return;
    if (error) return on_broken(error);
    if (state_ == State::open) {
        const auto data = inbox_.cdata();
        try {
            on_message_(
                {{static_cast<const char*>(data.data()), data.size()}, stream_->got_text()});
        } catch (...) {
            failure_ = std::current_exception();
            close(1011, "internal error");
        }
    }
    inbox_.consume(inbox_.size());
    if (inbox_.capacity() > inbox_bytes_kept) inbox_.shrink_to_fit();
    // Once our close frame is sent, the close reads what is still to come.
    if (state_ == State::open || state_ == State::draining) read_next(std::move(self));
}

template <class Stream>
void WebSocketOver<Stream>::write_queued() {
    if (is_writing_ || (state_ != State::open && state_ != State::draining)) return;
    auto& wire = stream_->next_layer();
    while (!outbox_.is_empty()) {
        // Once the peer's close has been read nothing may follow our answer to it. The read reports
        // it, with the peer's words.
        if (!stream_->is_open()) return;
        if (wire.is_being_written())
            return wire.after_this_write(
                [self = this->shared_from_this()] { self->write_queued(); });
        const auto bytes = outbox_.front();
        if constexpr (Wire<Stream>::can_write_now) {
            error_code error;
            outbox_.wrote(wire.write_now(bytes, error));
            if (!error) continue;
            if (error != asio::error::would_block) return on_broken(error);
        }
        is_writing_ = true;
        ++operations_;
        wire.async_write_all(outbox_.front(), [self = this->shared_from_this()](
                                                  const error_code& error, std::size_t written) {
            self->on_written(error, written);
        });
        return;
    }
    if (state_ == State::draining && !is_pinging_) send_close();
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

template <class Stream>
void WebSocketOver<Stream>::ping() {
    is_pinging_ = true;
    ++operations_;
    stream_->async_ping({}, [self = this->shared_from_this()](const error_code& error) {
        --self->operations_;
        self->is_pinging_ = false;
        if (!error && self->state_ == State::draining) self->write_queued();
    });
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
    const auto reads = stream_->next_layer().reads();
    quiet_ticks_ = reads == reads_seen_ ? quiet_ticks_ + 1 : 0;
    reads_seen_ = reads;
    if (quiet_ticks_ >= ticks_to_lost) {
        finish({CloseReason::How::lost, 1006,
                fmt::format("no sign of life for {} s", limits_.idle_timeout.count())});
        return;
    }
    if (quiet_ticks_ == ticks_to_ping && !is_pinging_) ping();
    watch_idle();
}

template <class Stream>
void WebSocketOver<Stream>::begin_end(CloseReason reason) {
    state_ = State::draining;
    reason_ = std::move(reason);
    timer_.expires_after(close_wait);  // also cancels the idle check
    timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
        if (!error) self->finish(self->reason_);
    });
    write_queued();
}

template <class Stream>
void WebSocketOver<Stream>::send_close() {
    state_ = State::closing;
    websocket::close_reason words(static_cast<websocket::close_code>(reason_.code));
    // 123 bytes fit; the shortening adds up to three
    words.reason = shortened(reason_.reason, 120);
    ++operations_;
    stream_->async_close(words, [self = this->shared_from_this()](const error_code& error) {
        --self->operations_;
        if (self->state_ == State::ended) return;
        self->on_broken(error);
    });
}

// The connection has ended, in good order or not.
template <class Stream>
void WebSocketOver<Stream>::on_broken(const error_code& error) {
    if (state_ != State::open) return finish(reason_);
    if (error == websocket::error::closed) {
        const auto& words = stream_->reason();
        const auto code =
            words.code == websocket::close_code::none ? std::uint16_t{1005} : words.code;
        return finish({CloseReason::How::closed_by_peer, code, std::string(words.reason.c_str())});
    }
    if (auto bad = bad_message(error)) return finish(std::move(*bad));
    finish({CloseReason::How::lost, 1006, words_of(error)});
}

template <class Stream>
void WebSocketOver<Stream>::finish(CloseReason reason) {
    if (state_ == State::ended) return;
    state_ = State::ended;
    reason_ = std::move(reason);
    stream_->next_layer().close();
    outbox_.drop_waiting();
    timer_.cancel();
    ended_.cancel();
}

}  // namespace parley::net
