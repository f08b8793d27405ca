// peer.hpp: one end of an HTTP exchange or WebSocket of the load, as cheap as it can be.
//
// The load shares its core with nobody, but at 900 calls it has to send and receive 180,000
// messages a second without being the bottleneck. So there is no library between it and the socket:
// one recv() when something is there, one send() a message. It trusts the other side, which is a
// program of ours.
//
// Owner:  the load. Thread: its only one.
// End:    close(), or the other side's; then is_open is false for good.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace parley::bench {

// Bytes read go here first, then to whoever they are for.
inline constexpr std::size_t read_buffer_bytes = 64 * 1024;

class Peer {
 public:
    // Takes the connected socket; -1 for none yet.
    explicit Peer(int poll) : poll_(poll) {}
    virtual ~Peer() { close(); }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    void adopt(int socket);
    bool connect_to(std::uint16_t port);  // on 127.0.0.1, at once
    void close();

    // What comes next is a whole HTTP message; on_http gets it.
    void expect_http() { mode_ = Mode::http; }
    // What comes next is frames. A client masks what it sends, with a mask of zeros: the same work
    // for the reader, none here.
    enum class Side { client, server };
    void expect_frames(Side side);

    void write(std::string_view bytes);
    void send(std::string_view text);  // one text message
    std::size_t queued_bytes() const { return unsent_.size(); }

    // For the loop: something can be read or written.
    void on_ready(std::uint32_t events, char* buffer);

    bool is_open = false;  // frames may be sent

 protected:
    virtual void on_http(std::string_view head, std::string_view body) = 0;
    virtual void on_text(std::string_view text) = 0;
    virtual void on_lost() {}

 private:
    enum class Mode { http, frames };
    void lost();
    std::size_t take_all(char* data, std::size_t size);  // how much of it were whole messages
    std::size_t take_http(std::string_view bytes);
    std::size_t take_frame(char* data, std::size_t size);
    void watch(bool wants_to_write);

    const int poll_;
    int socket_ = -1;
    Mode mode_ = Mode::http;
    Side side_ = Side::client;
    std::string unread_;  // the beginning of a message
    std::string unsent_;
    std::string frame_;  // reused
};

// "key: value" of an HTTP head, or nothing; the key as it is written on the wire.
std::string_view header(std::string_view head, std::string_view key);
// The answer of a WebSocket server to a client's Sec-WebSocket-Key.
std::string accept_key(std::string_view key);

}  // namespace parley::bench
