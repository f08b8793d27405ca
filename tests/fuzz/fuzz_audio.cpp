// fuzz_audio.cpp: G.711, the WAV reader, the transcoders and the VAD on arbitrary bytes.
#include <parley/audio/g711.hpp>
#include <parley/audio/transcoder.hpp>
#include <parley/audio/vad.hpp>
#include <parley/audio/wav.hpp>

#include <cstdlib>
#include <span>
#include <vector>

using namespace parley::audio;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span bytes(data, size);

    for (const WavLength length : {WavLength::exact, WavLength::streamed}) {
        const auto wav = read_wav(bytes, "fuzz", length);
        if (!wav) continue;
        if (wav->channels < 1 || wav->channels > 2 || wav->rate_hz < 1'000) std::abort();
        if (wav->samples.size() % static_cast<std::size_t>(wav->channels) != 0 ||
            wav->samples.size() > size)
            std::abort();
    }

    std::vector<std::int16_t> samples(size);
    std::vector<std::uint8_t> again(size);
    decode_mulaw(bytes, samples);
    encode_mulaw(samples, again);
    for (std::size_t i = 0; i < size; ++i) {
        if (again[i] != data[i] && data[i] != 0x7F) std::abort();
    }
    decode_alaw(bytes, samples);
    encode_alaw(samples, again);
    for (std::size_t i = 0; i < size; ++i) {
        if (again[i] != data[i]) std::abort();
    }

    EnergyVad vad;
    std::vector<EnergyVad::Change> changes;
    vad.hear(samples, changes);
    for (std::size_t i = 1; i < changes.size(); ++i) {
        if (changes[i].what == changes[i - 1].what || changes[i].at < changes[i - 1].at)
            std::abort();
    }

    static Pcm24kToMulaw down;
    static MulawToPcm24k up;
    again.clear();
    down.convert(bytes, again);
    down.flush(again);
    if (again.size() > size / 6 + 2) std::abort();
    again.clear();
    up.convert(bytes, again);
    up.reset();
    if (again.size() > size * 6) std::abort();
    return 0;
}
