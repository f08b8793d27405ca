#include <parley/audio/wav.hpp>

#include <parley/audio/g711.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace parley::audio {
namespace {

constexpr std::size_t header_size = 44;
constexpr std::uint64_t data_bytes_max = 0xFFFFFFFFu - header_size;  // lengths are 32 bits
constexpr std::uint64_t file_bytes_max = 1'024ull * 1'024 * 1'024;   // read at once
constexpr int rate_min_hz = 1'000;
constexpr int rate_max_hz = 192'000;

enum Format : unsigned { pcm = 1, mulaw = 7 };

// Little-endian fields at a position that the caller has checked.
class Fields {
 public:
    explicit Fields(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
    unsigned u16(std::size_t at) const {
        return bytes_[at] | static_cast<unsigned>(bytes_[at + 1]) << 8;
    }
    std::uint32_t u32(std::size_t at) const {
        return u16(at) | static_cast<std::uint32_t>(u16(at + 2)) << 16;
    }
    std::string_view tag(std::size_t at) const {
        return {reinterpret_cast<const char*>(bytes_.data()) + at, 4};
    }

 private:
    std::span<const std::uint8_t> bytes_;
};

struct Layout {
    unsigned format = 0;
    int channels = 0;
    std::uint32_t rate_hz = 0;
    unsigned bits = 0;
    unsigned block = 0;  // bytes of one sample of all channels
};

constexpr const char* convert_it = "convert it: ffmpeg -i FILE -c:a pcm_s16le -ac 1 OUT.wav";

// Empty when the format is one we read.
std::optional<Fault> check(const Layout& layout, const std::string& name) {
    const bool is_known = (layout.format == Format::pcm && layout.bits == 16) ||
                          (layout.format == Format::mulaw && layout.bits == 8);
    if (!is_known) {
        return Fault{name,
                     fmt::format("format {} with {} bits is neither PCM16 nor µ-law", layout.format,
                                 layout.bits),
                     convert_it};
    }
    if (layout.channels < 1 || layout.channels > 2) {
        return Fault{name, fmt::format("{} channels, expected 1 or 2", layout.channels),
                     convert_it};
    }
    if (layout.rate_hz < rate_min_hz || layout.rate_hz > rate_max_hz) {
        return Fault{name,
                     fmt::format("a sample rate of {} Hz, expected {} to {}", layout.rate_hz,
                                 rate_min_hz, rate_max_hz),
                     convert_it};
    }
    if (layout.block != static_cast<unsigned>(layout.channels) * layout.bits / 8) {
        return Fault{name, fmt::format("a block of {} bytes does not fit {} channels of {} bits",
                                       layout.block, layout.channels, layout.bits)};
    }
    return {};
}

std::vector<std::int16_t> decoded(std::span<const std::uint8_t> data, const Layout& layout) {
    std::vector<std::int16_t> samples(data.size() / (layout.bits / 8));
    if (layout.format == Format::mulaw) {
        decode_mulaw(data, samples);
        return samples;
    }
    const Fields fields(data);
    for (std::size_t i = 0; i < samples.size(); ++i)
        samples[i] = static_cast<std::int16_t>(fields.u16(i * 2));
    return samples;
}

bool write_all(int file, std::span<const std::uint8_t> bytes, off_t at) {
    while (!bytes.empty()) {
        const ssize_t written = ::pwrite(file, bytes.data(), bytes.size(), at);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        at += written;
    }
    return true;
}

}  // namespace

Checked<Wav> read_wav(std::span<const std::uint8_t> bytes, std::string name, WavLength length) {
    const Fields fields(bytes);
    if (bytes.size() < 12 || fields.tag(0) != "RIFF" || fields.tag(8) != "WAVE") {
        return Fault{std::move(name), "not a WAV file: it does not begin with RIFF and WAVE",
                     convert_it};
    }
    std::optional<Layout> layout;
    std::size_t at = 12;
    while (bytes.size() - at >= 8) {
        const std::string_view tag = fields.tag(at);
        std::uint64_t size = fields.u32(at + 4);
        at += 8;
        const std::uint64_t left = bytes.size() - at;
        if (size > left) {
            if (tag != "data" || length == WavLength::exact) {
                return Fault{
                    std::move(name),
                    fmt::format("cut off: chunk \"{}\" claims {} bytes, {} are left",
                                tag == "data" || tag == "fmt " ? tag : "other", size, left)};
            }
            size = left;
        }
        const auto chunk = bytes.subspan(at, static_cast<std::size_t>(size));
        if (tag == "fmt ") {
            if (layout) return Fault{std::move(name), "two format chunks"};
            if (chunk.size() < 16) return Fault{std::move(name), "the format chunk is too short"};
            const Fields format(chunk);
            layout = Layout{format.u16(0), static_cast<int>(format.u16(2)), format.u32(4),
                            format.u16(14), format.u16(12)};
            if (auto fault = check(*layout, name)) return std::move(*fault);
        } else if (tag == "data") {
            if (!layout) return Fault{std::move(name), "the data comes before the format"};
            if (length == WavLength::exact && chunk.size() % layout->block != 0) {
                return Fault{std::move(name), "the data ends in the middle of a sample"};
            }
            const auto whole = chunk.first(chunk.size() - chunk.size() % layout->block);
            return Wav{static_cast<int>(layout->rate_hz), layout->channels,
                       decoded(whole, *layout)};
        }
        // Chunks are padded to an even length.
        const std::uint64_t next = at + size + (size & 1);
        if (next > bytes.size()) break;
        at = static_cast<std::size_t>(next);
    }
    return Fault{std::move(name), layout ? "there is no data chunk" : "there is no format chunk"};
}

Checked<Wav> read_wav_file(const std::filesystem::path& path) {
    const std::string name = path.string();
    const int file = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return Fault{name, fmt::format("cannot be opened: {}", std::strerror(errno))};
    struct Close {
        int file;
        ~Close() { ::close(file); }
    } closer{file};
    struct stat status {};
    if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode))
        return Fault{name, "not a regular file"};
    if (static_cast<std::uint64_t>(status.st_size) > file_bytes_max)
        return Fault{name, "larger than 1 GB"};
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(status.st_size));
    std::size_t have = 0;
    while (have < bytes.size()) {
        const ssize_t got = ::read(file, bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return Fault{name, fmt::format("cannot be read: {}", std::strerror(errno))};
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    bytes.resize(have);
    return read_wav(bytes, name);
}

Checked<WavWriter> WavWriter::create(const std::filesystem::path& path, int rate_hz, int channels) {
    ensure(rate_hz >= rate_min_hz && rate_hz <= rate_max_hz, "WAV: rate out of range");
    ensure(channels == 1 || channels == 2, "WAV: one or two channels");
    const std::string name = path.string();
    const int file = ::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (file < 0) {
        return Fault{name, fmt::format("cannot be written: {}", std::strerror(errno)),
                     "check the folder and its permissions"};
    }
    WavWriter writer(file, rate_hz, channels);
    if (!writer.write_header())
        return Fault{name, fmt::format("cannot be written: {}", std::strerror(errno))};
    return writer;
}

WavWriter::~WavWriter() { close(); }

WavWriter::WavWriter(WavWriter&& other) noexcept
    : file_(std::exchange(other.file_, -1)),
      rate_hz_(other.rate_hz_),
      channels_(other.channels_),
      data_bytes_(other.data_bytes_),
      waiting_(std::move(other.waiting_)),
      is_failed_(other.is_failed_) {}

WavWriter& WavWriter::operator=(WavWriter&& other) noexcept {
    if (this != &other) {
        close();
        file_ = std::exchange(other.file_, -1);
        rate_hz_ = other.rate_hz_;
        channels_ = other.channels_;
        data_bytes_ = other.data_bytes_;
        waiting_ = std::move(other.waiting_);
        is_failed_ = other.is_failed_;
    }
    return *this;
}

bool WavWriter::write(std::span<const std::int16_t> samples) {
    ensure(samples.size() % static_cast<std::size_t>(channels_) == 0,
           "WAV: whole frames of all channels");
    if (file_ < 0 || is_failed_) return false;
    if (data_bytes_ + waiting_.size() + samples.size_bytes() > data_bytes_max) {
        is_failed_ = true;
        return false;
    }
    for (const std::int16_t sample : samples) {
        const auto bits = static_cast<std::uint16_t>(sample);
        waiting_.push_back(static_cast<std::uint8_t>(bits & 0xFF));
        waiting_.push_back(static_cast<std::uint8_t>(bits >> 8));
    }
    const auto second =
        static_cast<std::size_t>(rate_hz_) * static_cast<std::size_t>(channels_) * 2;
    return waiting_.size() < second || flush();
}

bool WavWriter::flush() {
    // The data first: a header must never promise more than there is.
    if (!write_all(file_, waiting_, static_cast<off_t>(header_size + data_bytes_))) {
        is_failed_ = true;
        waiting_.clear();
        return false;
    }
    data_bytes_ += waiting_.size();
    waiting_.clear();
    if (!write_header()) is_failed_ = true;
    return !is_failed_;
}

bool WavWriter::write_header() {
    return write_all(file_,
                     wav_header(rate_hz_, channels_, static_cast<std::uint32_t>(data_bytes_)), 0);
}

std::array<std::uint8_t, header_size> wav_header(int rate_hz, int channels,
                                                 std::uint32_t data_bytes) {
    std::array<std::uint8_t, header_size> header{};
    std::size_t at = 0;
    const auto tag = [&](std::string_view text) {
        for (const char c : text) header[at++] = static_cast<std::uint8_t>(c);
    };
    const auto number = [&](std::uint64_t value, int bytes) {
        for (int i = 0; i < bytes; ++i)
            header[at++] = static_cast<std::uint8_t>(value >> (8 * i) & 0xFF);
    };
    const auto rate = static_cast<std::uint64_t>(rate_hz);
    const auto block = static_cast<std::uint64_t>(channels) * 2;
    const auto whole = std::uint64_t{data_bytes} + header_size - 8;
    tag("RIFF");
    number(std::min<std::uint64_t>(whole, wav_length_unknown), 4);
    tag("WAVEfmt ");
    number(16, 4);
    number(Format::pcm, 2);
    number(static_cast<std::uint64_t>(channels), 2);
    number(rate, 4);
    number(rate * block, 4);
    number(block, 2);
    number(16, 2);
    tag("data");
    number(data_bytes, 4);
    return header;
}

bool WavWriter::close() {
    if (file_ < 0) return !is_failed_;
    if (!is_failed_) flush();
    if (::close(file_) != 0) is_failed_ = true;
    file_ = -1;
    return !is_failed_;
}

}  // namespace parley::audio
