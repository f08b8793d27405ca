// wav.hpp: WAV files: a streaming writer for recordings and a strict reader for bytes from
// anywhere.
//
// Thread: one at a time. The writer and read_wav_file block on the disk: not for io threads.
#pragma once

#include <parley/core/result.hpp>

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace parley::audio {

struct Wav {
    int rate_hz = 0;
    int channels = 1;                   // 1 or 2
    std::vector<std::int16_t> samples;  // stereo: left, right, left, right
};

// `streamed`: the writer could not seek back, so the length in the header may be a placeholder
// larger than the data there is. `exact`: that is an error.
enum class WavLength { exact, streamed };

// PCM16 and µ-law, mono or stereo, 1,000 to 192,000 Hz. Fault for anything else; `name` says where.
Checked<Wav> read_wav(std::span<const std::uint8_t> bytes, std::string name = "WAV data",
                      WavLength length = WavLength::exact);
Checked<Wav> read_wav_file(const std::filesystem::path& path);

// The first 44 bytes of a WAV file of PCM16.
constexpr std::uint32_t wav_length_unknown = 0xFFFFFFFF;  // of one that is still being made
std::array<std::uint8_t, 44> wav_header(int rate_hz, int channels, std::uint32_t data_bytes);

// Writes PCM16. The header is corrected after each second of audio, so that a recording cut short
// by a crash plays up to its last second.
class WavWriter {
 public:
    static Checked<WavWriter> create(const std::filesystem::path& path, int rate_hz, int channels);
    ~WavWriter();  // closes
    WavWriter(WavWriter&& other) noexcept;
    WavWriter& operator=(WavWriter&& other) noexcept;

    // Whole frames of all channels. False, and nothing more is written, after the disk refused or
    // at 4 GB.
    bool write(std::span<const std::int16_t> samples);
    // True if everything given to write() is in the file.
    bool close();

 private:
    WavWriter(int file, int rate_hz, int channels)
        : file_(file), rate_hz_(rate_hz), channels_(channels) {}
    bool flush();
    bool write_header();

    int file_ = -1;
    int rate_hz_ = 0;
    int channels_ = 1;
    std::uint64_t data_bytes_ = 0;       // in the file
    std::vector<std::uint8_t> waiting_;  // not yet in the file
    bool is_failed_ = false;
};

}  // namespace parley::audio
