// frame_mask.hpp: the mask on what a client sends through a WebSocket (RFC 6455, 5.3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace parley::net {

// Puts the mask on, or takes it off. Eight bytes at a time; `mask` is in the order of the wire, so
// the machine's own order does not matter.
inline void apply_mask(std::uint32_t mask, char* data, std::size_t size) {
    const std::uint64_t twice = std::uint64_t{mask} << 32 | mask;
    std::size_t at = 0;
    for (; at + sizeof twice <= size; at += sizeof twice) {
        std::uint64_t word;
        std::memcpy(&word, data + at, sizeof word);
        word ^= twice;
        std::memcpy(data + at, &word, sizeof word);
    }
    char key[sizeof twice];
    std::memcpy(key, &twice, sizeof twice);
    for (std::size_t i = 0; at < size; ++at, ++i) data[at] = static_cast<char>(data[at] ^ key[i]);
}

}  // namespace parley::net
