// base64.hpp: RFC 4648 base64 with padding, on the audio path: no allocation beyond the target's
// capacity.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::base64 {

constexpr std::size_t encoded_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }

// Appends the encoding of `bytes` to `out`.
void append(std::string& out, std::span<const std::uint8_t> bytes);
std::string encode(std::span<const std::uint8_t> bytes);
std::string encode(std::string_view bytes);

// Replaces `out` with the decoded bytes. False, with `out` empty, unless `text` is strict base64:
// the standard alphabet, a length that is a multiple of four, padding only at the end, no white
// space.
[[nodiscard]] bool decode(std::string_view text, std::vector<std::uint8_t>& out);

}  // namespace parley::base64
