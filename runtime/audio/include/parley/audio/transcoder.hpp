// transcoder.hpp: the telephone's µ-law at 8 kHz to and from a model's PCM16 at 24 kHz.
//
// For engines that do not speak µ-law. State carries over from frame to frame; each way holds back
// about 16 ms. All methods append to the caller's vector and allocate nothing once the vectors have
// grown. On barge-in call reset(), or the first syllable of the next answer begins with the end of
// the last.
//
// Owner:  the engine of one call. Thread: one at a time.
#pragma once

#include <parley/audio/resampler.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace parley::audio {

// Caller to model.
class MulawToPcm24k {
 public:
    MulawToPcm24k();
    void convert(std::span<const std::uint8_t> mulaw, std::vector<std::uint8_t>& pcm_le);
    void reset();

 private:
    Resampler resampler_;
    std::vector<std::int16_t> samples_in_;  // reused
    std::vector<std::int16_t> samples_out_;
};

// Model to caller. What the telephone cannot carry, 4 kHz and above, is filtered out.
class Pcm24kToMulaw {
 public:
    Pcm24kToMulaw();
    // An odd byte at the end waits for the next piece.
    void convert(std::span<const std::uint8_t> pcm_le, std::vector<std::uint8_t>& mulaw);
    // The end of what was being said: appends what is held back; the next piece starts anew.
    void flush(std::vector<std::uint8_t>& mulaw);
    void reset();

 private:
    void append_encoded(std::vector<std::uint8_t>& mulaw);

    Resampler resampler_;
    std::optional<std::uint8_t> odd_byte_;
    std::vector<std::int16_t> samples_in_;  // reused
    std::vector<std::int16_t> samples_out_;
};

}  // namespace parley::audio
