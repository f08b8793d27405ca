// frame_queue.hpp: what waits to be written, as WebSocket frames one after the other.
//
// Two buffers that change places: one is being written and stays where it is, the other collects.
// So whatever has come together goes out in one write, and nothing is allocated once both have
// grown. What a burst needed is given back afterwards, so that an idle connection costs little.
// Thread: the owner's.
#pragma once

#include "frame_mask.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace parley::net {

class FrameQueue {
 public:
    // From now on frames are masked, as a client's must be (RFC 6455, 5.3). The masks protect
    // careless proxies from hostile scripts; between servers a cheap generator will do.
    void mask_from(std::uint64_t seed) {
        random_ = seed | 1;  // xorshift never leaves zero
    }

    // Of frames not yet written.
    std::size_t bytes() const { return writing_.size() - written_ + waiting_.size(); }
    bool is_empty() const { return bytes() == 0; }

    // One text message in one frame.
    void push(std::string_view text) { push_frame(0x1, text); }
    // At most 125 bytes each (RFC 6455, 5.5).
    void push_ping() { push_frame(0x9, {}); }
    void push_pong(std::string_view payload) { push_frame(0xA, payload); }
    void push_close(std::uint16_t code, std::string_view reason) {
        std::string payload{static_cast<char>(code >> 8), static_cast<char>(code)};
        push_frame(0x8, payload.append(reason));
    }
    // The answer to a close that gave no code.
    void push_close() { push_frame(0x8, {}); }

    // What to write next; stays in place until wrote() has counted all of it. Empty only when the
    // queue is.
    std::string_view front() {
        if (writing_.empty()) writing_.swap(waiting_);
        return std::string_view(writing_).substr(written_);
    }
    void wrote(std::size_t bytes) {
        written_ += bytes;
        if (written_ < writing_.size()) return;
        written_ = 0;
        if (writing_.capacity() > buffer_bytes_kept) {
            std::string().swap(writing_);
        } else {
            writing_.clear();
        }
    }

    // Drops all but what front() has shown: of that a part may be on the wire already.
    void drop_waiting() { std::string().swap(waiting_); }

 private:
    static constexpr std::size_t buffer_bytes_kept =
        4096;  // a frame of audio and its mark, twice over

    void push_frame(int opcode, std::string_view payload) {
        const std::size_t size = payload.size();
        const bool is_masked = random_ != 0;
        char head[14] = {static_cast<char>(0x80 | opcode)};  // the last of its message
        std::size_t at = 2;
        const int length_bytes = size < 126 ? 0 : size <= 0xFFFF ? 2 : 8;
        head[1] = static_cast<char>((is_masked ? 0x80 : 0) | (length_bytes == 0   ? size
                                                              : length_bytes == 2 ? 126
                                                                                  : 127));
        for (int shift = length_bytes * 8 - 8; shift >= 0; shift -= 8)
            head[at++] = static_cast<char>(static_cast<std::uint64_t>(size) >> shift);
        if (!is_masked) {
            waiting_.append(head, at).append(payload);
            return;
        }
        const std::uint32_t mask = next_mask();
        std::memcpy(head + at, &mask, sizeof mask);
        waiting_.append(head, at + sizeof mask).append(payload);
        apply_mask(mask, waiting_.data() + waiting_.size() - size, size);
    }

    std::uint32_t next_mask() {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 7;
        random_ ^= random_ << 17;
        return static_cast<std::uint32_t>(random_ >> 32);
    }

    std::uint64_t random_ = 0;  // 0: a server, which does not mask
    std::string writing_;
    std::size_t written_ = 0;  // of writing_
    std::string waiting_;
};

}  // namespace parley::net
