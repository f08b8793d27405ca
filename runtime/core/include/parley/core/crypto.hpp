// crypto.hpp: the digests and tokens that webhooks need, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::crypto {

std::array<std::uint8_t, 20> hmac_sha1(std::string_view key, std::string_view message);
std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view message);
std::array<std::uint8_t, 32> sha256(std::string_view message);
std::string sha256_hex(std::string_view message);  // lower case
std::string hex(std::span<const std::uint8_t> bytes);
std::vector<std::uint8_t> random_bytes(std::size_t count);  // from the system's generator
std::string uuid4();                                        // "4f6b2c1e-...", random
// from the system's generator; 16 bytes = 128 bits
std::string random_hex(std::size_t bytes);
// Takes as long for a wrong string as for a right one; lengths may be public.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace parley::crypto
