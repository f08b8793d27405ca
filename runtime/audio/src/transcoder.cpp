#include <parley/audio/transcoder.hpp>

#include <parley/audio/g711.hpp>

namespace parley::audio {
namespace {

std::int16_t from_le(std::uint8_t low, std::uint8_t high) {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(low | high << 8));
}

}  // namespace

MulawToPcm24k::MulawToPcm24k() : resampler_(telephone_hz, model_hz) {}

void MulawToPcm24k::convert(std::span<const std::uint8_t> mulaw,
                            std::vector<std::uint8_t>& pcm_le) {
    samples_in_.resize(mulaw.size());
    decode_mulaw(mulaw, samples_in_);
    samples_out_.clear();
    resampler_.process(samples_in_, samples_out_);
    const std::size_t start = pcm_le.size();
    pcm_le.resize(start + samples_out_.size() * 2);
    std::uint8_t* to = pcm_le.data() + start;
    for (const std::int16_t sample : samples_out_) {
        const auto bits = static_cast<std::uint16_t>(sample);
        *to++ = static_cast<std::uint8_t>(bits & 0xFF);
        *to++ = static_cast<std::uint8_t>(bits >> 8);
    }
}

void MulawToPcm24k::reset() { resampler_.reset(); }

Pcm24kToMulaw::Pcm24kToMulaw() : resampler_(model_hz, telephone_hz) {}

void Pcm24kToMulaw::convert(std::span<const std::uint8_t> pcm_le,
                            std::vector<std::uint8_t>& mulaw) {
    if (pcm_le.empty()) return;
    samples_in_.clear();
    if (odd_byte_) {
        samples_in_.push_back(from_le(*odd_byte_, pcm_le.front()));
        odd_byte_.reset();
        pcm_le = pcm_le.subspan(1);
    }
    const std::size_t start = samples_in_.size();
    samples_in_.resize(start + pcm_le.size() / 2);
    // Into a place of known size, so that the loop becomes a plain copy.
    std::int16_t* to = samples_in_.data() + start;
    for (std::size_t i = 0; i + 1 < pcm_le.size(); i += 2)
        *to++ = from_le(pcm_le[i], pcm_le[i + 1]);
    if (pcm_le.size() % 2 == 1) odd_byte_ = pcm_le.back();
    samples_out_.clear();
    resampler_.process(samples_in_, samples_out_);
    append_encoded(mulaw);
}

void Pcm24kToMulaw::flush(std::vector<std::uint8_t>& mulaw) {
    odd_byte_.reset();  // half a sample is nothing
    samples_out_.clear();
    resampler_.flush(samples_out_);
    append_encoded(mulaw);
}

void Pcm24kToMulaw::reset() {
    odd_byte_.reset();
    resampler_.reset();
}

void Pcm24kToMulaw::append_encoded(std::vector<std::uint8_t>& mulaw) {
    const std::size_t start = mulaw.size();
    mulaw.resize(start + samples_out_.size());
    encode_mulaw(samples_out_, std::span(mulaw).subspan(start));
}

}  // namespace parley::audio
