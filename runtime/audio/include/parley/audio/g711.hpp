// g711.hpp: ITU-T G.711, the telephone's own coding: µ-law and A-law against 16-bit linear samples.
//
// Both keep 8 bits of each sample with steps that grow with loudness, 8,000 times a second.
// Nothing here allocates or throws but for ensure() on unequal spans.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <span>

namespace parley::audio {

constexpr int telephone_hz = 8'000;
constexpr int model_hz = 24'000;  // the PCM16 rate of speech models

// What a quiet line carries. 0x00 would be the loudest negative µ-law sample: a click.
constexpr std::uint8_t mulaw_silence = 0xFF;
constexpr std::uint8_t alaw_silence = 0xD5;

std::int16_t mulaw_to_linear(std::uint8_t code);
std::uint8_t linear_to_mulaw(std::int16_t sample);
std::int16_t alaw_to_linear(std::uint8_t code);
std::uint8_t linear_to_alaw(std::int16_t sample);

// `out` must be as long as `in`.
void decode_mulaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out);
void encode_mulaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out);
void decode_alaw(std::span<const std::uint8_t> in, std::span<std::int16_t> out);
void encode_alaw(std::span<const std::int16_t> in, std::span<std::uint8_t> out);

}  // namespace parley::audio
