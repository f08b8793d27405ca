// raw_socket.hpp: a WebSocket client that can do everything a client must not do.
//
// Blocking, on the test's own thread. Frames are written as told, right or wrong; what the server
// sends is read frame by frame. Every wait has a deadline.
#pragma once

#include "waiting.hpp"

#include <parley/net/http.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley::integration {

class RawSocket {
 public:
    enum class Opcode : std::uint8_t {
        continuation = 0,
        text = 1,
        binary = 2,
        close = 8,
        ping = 9,
        pong = 10
    };

    RawSocket(std::uint16_t port, const std::string& target, const net::Headers& headers);
    ~RawSocket();
    RawSocket(RawSocket&& other) noexcept;
    RawSocket& operator=(RawSocket&&) = delete;

    // Of the answer to the upgrade: 101 when it was accepted, 0 when there was none.
    int http_status() const { return http_status_; }

    void text(std::string_view message) { frame(Opcode::text, message); }
    void frame(Opcode opcode, std::string_view payload);
    // As they are.
    void bytes(std::string_view raw);
    // The TCP connection breaks.
    void drop();

    // The next text message; nothing at the deadline, or when the connection has ended.
    std::optional<std::string> next_text(milliseconds limit = generous);
    // Reads on until the server's close frame: its code. 1006 when the connection broke without
    // one, 0 at the deadline.
    int close_code(milliseconds limit = generous);

 private:
    struct Frame {
        Opcode opcode;
        std::string payload;
    };
    std::optional<Frame> next_frame(TimePoint deadline);
    bool fill(std::size_t wanted, TimePoint deadline);

    int socket_ = -1;
    int http_status_ = 0;
    int close_code_ = 0;
    std::string received_;
};

}  // namespace parley::integration
