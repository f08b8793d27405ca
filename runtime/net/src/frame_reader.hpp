// frame_reader.hpp: the bytes that a WebSocket receives -> its messages (RFC 6455, 5).
//
// Problem: fifty small messages a second and call are most of what an io thread does. Each should
// cost a look at its header, not an operation with a handler of its own; and when a thread is late,
// all that has come should be handled in one go, so that it can catch up.
// Idea: the socket reads into the buffer in here, whatever there is; next() then gives one message
// after the other as a view into that buffer, unmasked where it lies. Only fragments are copied.
// Cost: a buffer of 4 KB a connection, which grows with what comes, not with what a header promises.
//
// Thread: the owner's. No sockets, no clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace parley::net {

class FrameReader {
 public:
    struct Item {
        enum class Kind { text, binary, ping, pong, close, broken };
        Kind kind = Kind::broken;
        // Of a close the peer's words, of what is broken ours; valid until the next call.
        std::string_view data = {};
        // Of a close, 1005 where the peer gave none; of what is broken the code to answer with.
        std::uint16_t code = 0;
    };

    // What a client must do and a server must not.
    enum class Masks { wanted, forbidden };

    FrameReader(Masks masks, std::size_t message_bytes_max)
        : masks_(masks), message_bytes_max_(message_bytes_max) {}

    // Where to put what the socket gives: never empty.
    std::span<char> room();
    void filled(std::size_t bytes) { end_ += bytes; }
    void put(std::string_view bytes);

    // The next message or control frame that is here as a whole. After `close` and `broken` nothing
    // follows.
    std::optional<Item> next();

 private:
    struct Head {
        std::size_t bytes = 0;  // with the mask; 0: not here yet
        std::uint64_t length = 0;
        std::uint32_t mask = 0;
        int opcode = 0;
        bool is_final = false;
    };

    std::string_view unread() const { return {buffer_.get() + begin_, end_ - begin_}; }
    // Nothing, with `flaw_` set, for a header that breaks the rules.
    std::optional<Head> read_head();
    std::nullopt_t refuse(std::uint16_t code, std::string_view what) {
        flaw_ = Item{Item::Kind::broken, what, code};
        return std::nullopt;
    }
    std::optional<Item> take_data(const Head& head, std::string_view payload);
    std::optional<Item> take_control(const Head& head, std::string_view payload);
    Item over(Item last) {
        is_over_ = true;
        return last;
    }
    void resize(std::size_t capacity);

    const Masks masks_;
    const std::size_t message_bytes_max_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0, end_ = 0;  // of what is unread
    int fragmented_ = 0;               // the opcode of a message in parts, while it is coming
    std::string parts_, whole_;
    std::optional<Item> flaw_;
    bool is_over_ = false;
};

}  // namespace parley::net
