// server.hpp: the io threads, and the HTTP and WebSocket server on them.
#pragma once

#include <parley/core/task.hpp>
#include <parley/net/http.hpp>
#include <parley/net/websocket.hpp>

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::net {

// N io threads, each with its own io_context: what starts on one stays there, so it needs no lock.
class IoThreads {
 public:
    explicit IoThreads(std::size_t count);
    ~IoThreads();  // stops and joins
    IoThreads(const IoThreads&) = delete;
    IoThreads& operator=(const IoThreads&) = delete;

    std::size_t count() const;
    boost::asio::io_context& context(std::size_t index);
    // The thread with the fewest calls; add_load and drop_load keep the count. Safe from any
    // thread.
    std::size_t least_loaded() const;
    void add_load(std::size_t index);
    void drop_load(std::size_t index);

    // Returns at once; threads run until stop().
    void start();
    void stop();

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// What to do with a request to upgrade to WebSocket.
struct UpgradeAnswer {
    // Refuse: this response is sent instead of 101.
    std::optional<Response> refusal = {};
    // Accept: the connection moves to this io thread before the handshake, and `serve` runs there.
    std::size_t home = 0;
    std::function<Task<>(std::shared_ptr<WebSocket>)> serve = {};
};

struct ServerOptions {
    // an address or a name; `::` is every network, IPv4 and IPv6 (IPv4 alone where IPv6 is off)
    std::string host = "::";
    std::uint16_t port = 0;                    // 0: any free one
    std::size_t body_bytes_max = 1024 * 1024;  // larger bodies are answered with 413
    std::size_t header_bytes_max = 16 * 1024;  // 431
    // for a whole request to arrive; also keep-alive idle time
    std::chrono::seconds request_timeout{15};
    std::size_t connections_max = 10'000;  // beyond it new ones are closed at once
    WebSocketLimits websocket = {};
};

// Thread: accepts and reads requests on io thread 0; handlers run there; upgraded sockets on their
// home.
// End: close() stops accepting and closes idle connections; upgraded sockets live on with their
// owners.
class Server {
 public:
    struct Handlers {
        // exceptions become 500 and a log line
        std::function<Task<Response>(Request)> on_request;
        std::function<Task<UpgradeAnswer>(Request)> on_upgrade;
    };

    // Binds at once: Fault names host and port when that fails.
    static Checked<std::unique_ptr<Server>> listen(IoThreads& threads, ServerOptions options,
                                                   Handlers handlers);
    ~Server();

    std::uint16_t port() const;
    void close();  // from any thread

 private:
    struct Impl;
    explicit Server(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> impl_;
};

}  // namespace parley::net
