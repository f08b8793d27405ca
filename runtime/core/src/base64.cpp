#include <parley/core/base64.hpp>

#include <array>

namespace parley::base64 {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t invalid = 0xFF;

constexpr std::array<std::uint8_t, 256> make_values() {
    std::array<std::uint8_t, 256> values{};
    values.fill(invalid);
    for (std::size_t i = 0; i < alphabet.size(); ++i) {
        values[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    }
    return values;
}
constexpr auto values = make_values();

}  // namespace

void append(std::string& out, std::span<const std::uint8_t> bytes) {
    const std::size_t start = out.size();
    out.resize(start + encoded_size(bytes.size()));
    char* to = out.data() + start;
    std::size_t i = 0;
    for (; i + 3 <= bytes.size(); i += 3) {
        const std::uint32_t three =
            (std::uint32_t{bytes[i]} << 16) | (std::uint32_t{bytes[i + 1]} << 8) | bytes[i + 2];
        *to++ = alphabet[three >> 18];
        *to++ = alphabet[(three >> 12) & 63];
        *to++ = alphabet[(three >> 6) & 63];
        *to++ = alphabet[three & 63];
    }
    const std::size_t rest = bytes.size() - i;
    if (rest == 0) return;
    const std::uint32_t last =
        (std::uint32_t{bytes[i]} << 16) | (rest == 2 ? std::uint32_t{bytes[i + 1]} << 8 : 0u);
    *to++ = alphabet[last >> 18];
    *to++ = alphabet[(last >> 12) & 63];
    *to++ = rest == 2 ? alphabet[(last >> 6) & 63] : '=';
    *to++ = '=';
}

std::string encode(std::span<const std::uint8_t> bytes) {
    std::string out;
    append(out, bytes);
    return out;
}

std::string encode(std::string_view bytes) {
    return encode(std::span(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
}

bool decode(std::string_view text, std::vector<std::uint8_t>& out) {
    out.clear();
    if (text.size() % 4 != 0) return false;
    if (text.empty()) return true;
    const std::size_t padding = text.back() != '=' ? 0 : text[text.size() - 2] != '=' ? 1 : 2;
    const std::size_t digits = text.size() - padding;
    out.resize(text.size() / 4 * 3);
    std::uint8_t* to = out.data();
    const auto* from = reinterpret_cast<const std::uint8_t*>(text.data());
    std::size_t i = 0;
    std::uint8_t seen = 0;  // collects the high bit that only `invalid` has
    for (; i + 4 <= digits; i += 4) {
        const std::uint8_t a = values[from[i]], b = values[from[i + 1]], c = values[from[i + 2]],
                           d = values[from[i + 3]];
        seen |= a | b | c | d;
        *to++ = static_cast<std::uint8_t>(a << 2 | b >> 4);
        *to++ = static_cast<std::uint8_t>(b << 4 | c >> 2);
        *to++ = static_cast<std::uint8_t>(c << 6 | d);
    }
    if (padding != 0) {
        const std::uint8_t a = values[from[i]], b = values[from[i + 1]];
        const std::uint8_t c = padding == 1 ? values[from[i + 2]] : std::uint8_t{0};
        seen |= a | b | c;
        // The bits that padding leaves over must be zero, or two texts would mean the same bytes.
        if ((padding == 1 ? c & 0x03 : b & 0x0F) != 0) seen |= 0x80;
        *to++ = static_cast<std::uint8_t>(a << 2 | b >> 4);
        if (padding == 1) *to++ = static_cast<std::uint8_t>(b << 4 | c >> 2);
    }
    if ((seen & 0x80) != 0) {
        out.clear();
        return false;
    }
    out.resize(static_cast<std::size_t>(to - out.data()));
    return true;
}

}  // namespace parley::base64
