// The bytes of a WebSocket: the same messages come out however they are cut, and nothing else
// happens.
#include "../../runtime/net/src/frame_reader.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

using parley::net::FrameReader;

namespace {

constexpr std::size_t message_bytes_max = 5'000;

std::vector<std::string> read(std::string_view bytes, FrameReader::Masks masks, std::size_t piece) {
    FrameReader reader(masks, message_bytes_max);
    std::vector<std::string> seen;
    while (!bytes.empty()) {
        const auto room = reader.room();
        const auto size = std::min({room.size(), bytes.size(), piece});
        std::memcpy(room.data(), bytes.data(), size);
        reader.filled(size);
        bytes.remove_prefix(size);
        while (const auto item = reader.next()) {
            if (item->data.size() > message_bytes_max) std::abort();
            seen.push_back(std::to_string(static_cast<int>(item->kind)) + " " +
                           std::to_string(item->code) + " " + std::string(item->data));
        }
    }
    return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const auto masks =
        (data[0] & 1) != 0 ? FrameReader::Masks::wanted : FrameReader::Masks::forbidden;
    const std::size_t piece = 1 + data[0] / 2;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (read(bytes, masks, piece) != read(bytes, masks, bytes.size())) std::abort();
    return 0;
}
