#include <parley/audio/g711.hpp>

#include <parley/core/result.hpp>

#include <array>
#include <bit>
#include <cstddef>

namespace parley::audio {
namespace {

// G.711 µ-law is defined on 14-bit values; scaled to 16 bits its bias of 33 becomes 132 and its
// clip 32,635.
constexpr int mulaw_bias = 132;
constexpr int mulaw_clip = 32'635;

constexpr std::int16_t expand_mulaw(std::uint8_t code) {
    const int bits = ~code & 0xFF;
    const int segment = (bits >> 4) & 7;
    const int magnitude = ((((bits & 0x0F) << 3) + mulaw_bias) << segment) - mulaw_bias;
    return static_cast<std::int16_t>((bits & 0x80) != 0 ? -magnitude : magnitude);
}

constexpr std::uint8_t compress_mulaw(std::int16_t sample) {
    const bool is_negative = sample < 0;
    int magnitude = is_negative ? -int{sample} : int{sample};
    if (magnitude > mulaw_clip) magnitude = mulaw_clip;
    const unsigned biased = static_cast<unsigned>(magnitude + mulaw_bias);
    const int segment = static_cast<int>(std::bit_width(biased)) - 8;
    const int mantissa = static_cast<int>(biased >> (segment + 3)) & 0x0F;
    return static_cast<std::uint8_t>(~((is_negative ? 0x80 : 0) | (segment << 4) | mantissa));
}

// A-law is defined on 13-bit values, so a step is 16 of ours at the least; every second bit is
// inverted on the line.
constexpr std::uint8_t alaw_toggle = 0x55;

constexpr std::int16_t expand_alaw(std::uint8_t code) {
    const int bits = code ^ alaw_toggle;
    const int segment = (bits >> 4) & 7;
    const int mantissa = bits & 0x0F;
    const int magnitude =
        segment == 0 ? (mantissa << 4) + 8 : ((mantissa << 4) + 0x108) << (segment - 1);
    return static_cast<std::int16_t>((bits & 0x80) != 0 ? magnitude : -magnitude);
}

constexpr std::uint8_t compress_alaw(std::int16_t sample) {
    const bool is_negative = sample < 0;
    // One's complement, as the standard has it: -1 belongs to the smallest negative step.
    const unsigned magnitude = static_cast<unsigned>(is_negative ? ~int{sample} : int{sample});
    const int width = static_cast<int>(std::bit_width(magnitude));
    const int segment = width <= 8 ? 0 : width - 8;
    const int mantissa = static_cast<int>(magnitude >> (segment == 0 ? 4 : segment + 3)) & 0x0F;
    return static_cast<std::uint8_t>(((is_negative ? 0 : 0x80) | (segment << 4) | mantissa) ^
                                     alaw_toggle);
}

template <class Expand>
constexpr std::array<std::int16_t, 256> make_table(Expand expand) {
    std::array<std::int16_t, 256> table{};
    for (std::size_t code = 0; code < table.size(); ++code)
        table[code] = expand(static_cast<std::uint8_t>(code));
    return table;
}
constexpr auto mulaw_table = make_table(expand_mulaw);
constexpr auto alaw_table = make_table(expand_alaw);

// Encoding computes instead: a table of 64 KB would push a call's other data out of the first-level
// cache.
template <class In, class Out, class Convert>
void convert_all(std::span<const In> in, std::span<Out> out, Convert convert) {
    ensure(in.size() == out.size(), "G.711: both spans must be equally long");
    for (std::size_t i = 0; i < in.size(); ++i) out[i] = convert(in[i]);
}

}  // namespace

std::int16_t mulaw_to_linear(std::uint8_t code) { return mulaw_table[code]; }
std::uint8_t linear_to_mulaw(std::int16_t sample) { return compress_mulaw(sample); }
std::int16_t alaw_to_linear(std::uint8_t code) { return alaw_table[code]; }
std::uint8_t linear_to_alaw(std::int16_t sample) { return compress_alaw(sample); }

void decode_mulaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out) {
    convert_all(in, out, [](std::uint8_t code) { return mulaw_table[code]; });
}

void encode_mulaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out) {
    convert_all(in, out, compress_mulaw);
}

void decode_alaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out) {
    convert_all(in, out, [](std::uint8_t code) { return alaw_table[code]; });
}

void encode_alaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out) {
    convert_all(in, out, compress_alaw);
}

}  // namespace parley::audio
