#include "relay.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>

#include <memory>

namespace parley::bench {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;
using Socket = websocket::stream<tcp::socket>;

class Pair : public std::enable_shared_from_this<Pair> {
 public:
    Pair(tcp::socket accepted, std::uint16_t upstream)
        : near_(std::move(accepted)), far_(near_.get_executor()), upstream_(upstream) {}

    void start() {
        near_.next_layer().set_option(tcp::no_delay(true));
        near_.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error) self->connect();
        });
    }

 private:
    void connect() {
        far_.next_layer().async_connect(
            {asio::ip::address_v4::loopback(), upstream_},
            [self = shared_from_this()](beast::error_code error) {
                if (error) return;
                self->far_.next_layer().set_option(tcp::no_delay(true));
                self->far_.async_handshake("127.0.0.1", "/", [self](beast::error_code refused) {
                    if (refused) return;
                    self->near_.text(true);
                    self->far_.text(true);
                    self->pass(self->near_, self->far_, self->up_);
                    self->pass(self->far_, self->near_, self->down_);
                });
            });
    }

    void pass(Socket& from, Socket& to, beast::flat_buffer& buffer) {
        from.async_read(buffer, [self = shared_from_this(), &from, &to, &buffer](
                                    beast::error_code error, std::size_t) {
            if (error) return self->end();
            to.async_write(buffer.data(),
                           [self, &from, &to, &buffer](beast::error_code failed, std::size_t) {
                               if (failed) return self->end();
                               buffer.clear();
                               self->pass(from, to, buffer);
                           });
        });
    }

    void end() {
        beast::error_code ignored;
        near_.next_layer().close(ignored);
        far_.next_layer().close(ignored);
    }

    Socket near_;
    Socket far_;
    beast::flat_buffer up_;
    beast::flat_buffer down_;
    std::uint16_t upstream_;
};

void accept(tcp::acceptor& acceptor, std::uint16_t upstream) {
    acceptor.async_accept([&acceptor, upstream](beast::error_code error, tcp::socket socket) {
        if (!error) std::make_shared<Pair>(std::move(socket), upstream)->start();
        accept(acceptor, upstream);
    });
}

}  // namespace

int run_relay(std::uint16_t port, std::uint16_t upstream) {
    asio::io_context io(1);
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), port});
    accept(acceptor, upstream);
    io.run();
    return 0;
}

}  // namespace parley::bench
