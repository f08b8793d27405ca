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

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::array<std::uint8_t, 20> hmac_sha1(std::string_view key, std::string_view message) {
    std::array<std::uint8_t, 20> digest{};
    unsigned int size = 0;
    ensure(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()), bytes_of(message), message.size(),
                digest.data(), &size) != nullptr && size == digest.size(),
           "OpenSSL computes HMAC-SHA1");
    return digest;
}

std::string sha256_hex(std::string_view message) {
    std::array<std::uint8_t, 32> digest{};
    unsigned int size = 0;
    ensure(EVP_Digest(message.data(), message.size(), digest.data(), &size, EVP_sha256(), nullptr) == 1,
           "OpenSSL computes SHA-256");
    return hex(digest);
}

std::string random_hex(std::size_t bytes) {
    std::vector<std::uint8_t> random(bytes);
    ensure(RAND_bytes(random.data(), static_cast<int>(bytes)) == 1, "the system provides random bytes");
    return hex(random);
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace parley::crypto
