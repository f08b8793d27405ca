#include "sound_text.hpp"

#include <parley/core/base64.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace parley::rehearsal {
namespace {

constexpr std::size_t sound_bytes_max = 16 * 1024 * 1024;

}  // namespace

std::string sound_text(call::Bytes audio) {
    if (audio.empty()) return "0";
    const bool is_even =
        std::all_of(audio.begin(), audio.end(), [&](auto each) { return each == audio.front(); });
    if (is_even) return fmt::format("{} ={:02x}", audio.size(), audio.front());
    std::string text = fmt::format("{} ", audio.size());
    base64::append(text, audio);
    return text;
}

std::string fingerprint(call::Bytes audio) {
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const auto each : audio) hash = (hash ^ each) * 0x100000001b3;
    return fmt::format("{} #{:016x}", audio.size(), hash);
}

bool read_sound(std::string_view text, std::vector<std::uint8_t>& out) {
    out.clear();
    std::size_t size = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (error != std::errc{} || size > sound_bytes_max) return false;
    std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (size == 0) return rest.empty();
    if (!rest.starts_with(' ')) return false;
    rest.remove_prefix(1);
    if (!rest.starts_with('=')) return base64::decode(rest, out) && out.size() == size;
    std::uint8_t value = 0;
    const auto [stop, wrong] =
        std::from_chars(rest.data() + 1, rest.data() + rest.size(), value, 16);
    if (wrong != std::errc{} || rest.size() != 3 || stop != rest.data() + 3) return false;
    out.assign(size, value);
    return true;
}

}  // namespace parley::rehearsal
