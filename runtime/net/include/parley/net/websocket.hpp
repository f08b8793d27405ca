// websocket.hpp: one open WebSocket, either side.
//
// Owner:  whoever holds the shared_ptr. The coroutine in run() keeps it alive until it ends;
// dropped
//         without a run(), the connection is aborted.
// Thread: everything on the socket's io thread, dropping the last shared_ptr too.
// End:    run() returns once, with how the connection ended; after that send() does nothing. Cancelling
//         the coroutine in run() aborts the connection.
//
// Sending never waits: a message is copied into a bounded queue with recycled buffers and one write
// is under way at a time. A queue over its limit means a peer that does not read: the socket is
// closed with 1008 and run() ends with `slow_peer`.
// The peer's pings are answered. permessage-deflate is never negotiated (base64 audio does not
// shrink).
#pragma once

#include <parley/core/result.hpp>
#include <parley/core/task.hpp>
#include <parley/net/http.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace parley::net {

struct Message {
    std::string_view data;  // valid during the callback; text is already checked to be UTF-8
    bool is_text = true;
};

struct CloseReason {
    enum class How {
        closed_by_peer,  // a close frame came; `code` and `reason` are its own
        closed_by_us,    // close() or abort() was called; after abort() `code` is 1006
        lost,            // the connection broke, or a ping stayed unanswered
        slow_peer,       // the send queue went over its limit
        bad_message,     // over message_bytes_max, invalid UTF-8 or a broken frame
    };
    How how = How::lost;
    std::uint16_t code = 1006;
    std::string reason = {};  // the peer's words, or the system's error text
};

struct WebSocketLimits {
    std::size_t message_bytes_max = 64 * 1024;  // of one received message
    std::size_t queue_bytes_max = 1024 * 1024;  // waiting to be sent
    std::chrono::seconds handshake_timeout{10};
    // a ping goes out after half of it; no sign of life in all of it: lost
    std::chrono::seconds idle_timeout{60};
};

class WebSocket {
 public:
    virtual ~WebSocket() = default;

    // Reads until the connection ends. Call once. `on_message` must not throw: if it does, the
    // socket is closed with 1011 and run() throws the same when that is done.
    // Name the callback before the co_await: GCC 12 destroys the captures of a lambda written
    // inside one twice.
    virtual Task<CloseReason> run(std::function<void(Message)> on_message) = 0;

    // Queues one text message. False once the socket is closing.
    virtual bool send(std::string_view text) = 0;
    virtual std::size_t queued_bytes() const = 0;

    // Sends what is queued, then a close frame; run() ends when the peer answers, or after two
    // seconds. No message is delivered any more. `reason` is cut at 120 bytes.
    virtual void close(std::uint16_t code, std::string_view reason) = 0;
    // Drops the connection at once, without a close frame.
    virtual void abort() = 0;

    virtual boost::asio::any_io_executor executor() const = 0;
};

// Opens a client connection on the caller's executor: resolves, connects, TLS for wss (certificate
// and host name checked), upgrade with the given extra headers. Redirects are refused. `refused`
// errors carry the HTTP status.
struct ConnectError {
    std::string what;     // "connection refused", "the server answered 401"
    int http_status = 0;  // 0 unless the server answered something other than 101
    bool is_tls = false;
};
Task<boost::system::result<std::shared_ptr<WebSocket>, ConnectError>> connect(
    Url url, Headers headers, WebSocketLimits limits);

[[noreturn]] void throw_exception_from_error(const ConnectError& error,
                                             const boost::source_location&);

}  // namespace parley::net
