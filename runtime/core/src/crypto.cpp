#include <parley/core/crypto.hpp>

#include <parley/core/result.hpp>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <span>
#include <vector>

namespace parley::crypto {
namespace {

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string hex(std::span<const std::uint8_t> bytes) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::array<std::uint8_t, 20> hmac_sha1(std::string_view key, std::string_view message) {
    std::array<std::uint8_t, 20> digest{};
    unsigned int size = 0;
    ensure(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), bytes_of(message),
                message.size(), digest.data(), &size) != nullptr &&
               size == digest.size(),
           "OpenSSL computes HMAC-SHA1");
    return digest;
}

std::array<std::uint8_t, 32> hmac_sha256(std::string_view key, std::string_view message) {
    std::array<std::uint8_t, 32> digest{};
    unsigned int size = 0;
    ensure(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), bytes_of(message),
                message.size(), digest.data(), &size) != nullptr &&
               size == digest.size(),
           "OpenSSL computes HMAC-SHA256");
    return digest;
}

std::array<std::uint8_t, 32> sha256(std::string_view message) {
    std::array<std::uint8_t, 32> digest{};
    unsigned int size = 0;
    ensure(EVP_Digest(message.data(), message.size(), digest.data(), &size, EVP_sha256(),
                      nullptr) == 1,
           "OpenSSL computes SHA-256");
    return digest;
}

std::string sha256_hex(std::string_view message) { return hex(sha256(message)); }

std::vector<std::uint8_t> random_bytes(std::size_t count) {
    std::vector<std::uint8_t> bytes(count);
    ensure(RAND_bytes(bytes.data(), static_cast<int>(count)) == 1,
           "the system provides random bytes");
    return bytes;
}

std::string random_hex(std::size_t bytes) { return hex(random_bytes(bytes)); }

std::string uuid4() {
    auto bytes = random_bytes(16);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0F) | 0x40);  // version 4
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3F) | 0x80);  // RFC 4122
    std::string text = hex(bytes);
    for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, "-");
    return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley::crypto
