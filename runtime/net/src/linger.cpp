#include "linger.hpp"

#include <array>
#include <memory>
#include <type_traits>
#include <utility>

namespace parley::net {
namespace {

template <class Stream>
class Linger : public std::enable_shared_from_this<Linger<Stream>> {
 public:
    explicit Linger(Stream stream) : stream_(std::move(stream)), timer_(tcp().get_executor()) {}

    void start() {
        timer_.expires_after(close_wait);
        timer_.async_wait([self = this->shared_from_this()](const error_code& error) {
            if (!error) self->close();
        });
        say_goodbye();
    }

 private:
    TcpSocket& tcp() { return tcp_of(stream_); }

    void say_goodbye() {
        if constexpr (std::is_same_v<Stream, TlsStream>) {
            // Sends close_notify and waits for the peer's, whose absence harms no one here.
            stream_.async_shutdown(
                [self = this->shared_from_this()](const error_code&) { self->close(); });
        } else {
            error_code error;
            tcp().shutdown(TcpSocket::shutdown_send, error);
            if (error) return close();
            drain();
        }
    }

    void drain() {
        tcp().async_read_some(asio::buffer(unread_), [self = this->shared_from_this()](
                                                         const error_code& error, std::size_t) {
            if (error) return self->close();
            self->drain();
        });
    }

    void close() {
        error_code ignored;
        tcp().close(ignored);
        timer_.cancel();
    }

    Stream stream_;
    Timer timer_;
    std::array<char, 2048> unread_;
};

template <class Stream>
void start_linger(Stream stream) {
    if (!tcp_of(stream).is_open()) return;
    std::make_shared<Linger<Stream>>(std::move(stream))->start();
}

}  // namespace

void linger(TcpSocket stream) { start_linger(std::move(stream)); }
void linger(TlsStream stream) { start_linger(std::move(stream)); }

}  // namespace parley::net
