#include <parley/net/http.hpp>

#include <algorithm>
#include <cstdint>

namespace parley::net {
namespace {

namespace ip = boost::asio::ip;

struct Range {
    std::uint32_t first;
    int bits;
    bool holds(std::uint32_t address) const {
        return bits == 0 || (address >> (32 - bits)) == (first >> (32 - bits));
    }
};

constexpr std::uint32_t v4(std::uint32_t a, std::uint32_t b, std::uint32_t c, std::uint32_t d) {
    return (a << 24) | (b << 16) | (c << 8) | d;
}

// IANA's register of special IPv4 addresses: all that are not globally reachable.
constexpr Range internal_v4[] = {
    {v4(0, 0, 0, 0), 8},   // this network
    {v4(10, 0, 0, 0), 8},  // private
    // shared between a provider and its customers; some clouds' metadata
    {v4(100, 64, 0, 0), 10},
    {v4(127, 0, 0, 0), 8},      // loopback
    {v4(169, 254, 0, 0), 16},   // link-local: the metadata of most clouds
    {v4(172, 16, 0, 0), 12},    // private
    {v4(192, 0, 0, 0), 24},     // protocol assignments; some clouds' metadata
    {v4(192, 0, 2, 0), 24},     // documentation
    {v4(192, 88, 99, 0), 24},   // 6to4 relays
    {v4(192, 168, 0, 0), 16},   // private
    {v4(198, 18, 0, 0), 15},    // benchmarks
    {v4(198, 51, 100, 0), 24},  // documentation
    {v4(203, 0, 113, 0), 24},   // documentation
    {v4(224, 0, 0, 0), 4},      // multicast
    {v4(240, 0, 0, 0), 4},      // reserved, broadcast
};

bool is_internal_v4(std::uint32_t address) {
    for (const auto& range : internal_v4) {
        if (range.holds(address)) return true;
    }
    return false;
}

bool is_internal_v6(const ip::address_v6& address) {
    const auto bytes = address.to_bytes();
    const auto embedded = [&](std::size_t at) {
        return v4(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
    };
    const bool starts_empty =
        std::all_of(bytes.begin(), bytes.begin() + 10, [](auto byte) { return byte == 0; });
    // ::ffff:a.b.c.d is an IPv4 address; all else that begins so is ::, ::1 or out of use.
    if (starts_empty) return bytes[10] != 0xff || bytes[11] != 0xff || is_internal_v4(embedded(12));
    // 64:ff9b::/96 leads to an IPv4 address, 64:ff9b:1::/48 to one of the local network
    if (bytes[0] == 0 && bytes[1] == 0x64 && bytes[2] == 0xff && bytes[3] == 0x9b)
        return bytes[4] != 0 || bytes[5] != 0 || is_internal_v4(embedded(12));
    if (bytes[0] == 0x20 && bytes[1] == 0x02) return is_internal_v4(embedded(2));  // 6to4
    // All that is given out globally is in 2000::/3; of it 2001::/23 (Teredo and others) and
    // 2001:db8::/32 are not hosts.
    if ((bytes[0] & 0xe0) != 0x20) return true;
    if (bytes[0] == 0x20 && bytes[1] == 0x01)
        return bytes[2] < 0x02 || (bytes[2] == 0x0d && bytes[3] == 0xb8);
    // 3fff::/20, documentation
    return bytes[0] == 0x3f && bytes[1] == 0xff && (bytes[2] & 0xf0) == 0;
}

}  // namespace

bool is_internal(const ip::address& address) {
    return address.is_v4() ? is_internal_v4(address.to_v4().to_uint())
                           : is_internal_v6(address.to_v6());
}

}  // namespace parley::net
