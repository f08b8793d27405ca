#include <parley/voice/voice.hpp>

#include <fmt/format.h>
#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace parley::voice {
namespace {

struct Format {
    std::string_view name;
    std::string_view content_type;
    int sndfile;  // 0: not one of libsndfile's
};

constexpr std::array formats{
    Format{"mp3", "audio/mpeg", SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III},
    Format{"wav", "audio/wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16},
    Format{"opus", "audio/ogg", SF_FORMAT_OGG | SF_FORMAT_OPUS},
    Format{"ogg", "audio/ogg", SF_FORMAT_OGG | SF_FORMAT_OPUS},
    Format{"flac", "audio/flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16},
    Format{"pcm", "audio/pcm", SF_FORMAT_RAW | SF_FORMAT_PCM_16 | SF_ENDIAN_LITTLE},
    Format{"aac", "audio/aac", 0},
};

const Format* find(std::string_view name) {
    const auto found = std::find_if(formats.begin(), formats.end(),
                                    [&](const Format& each) { return each.name == name; });
    return found == formats.end() ? nullptr : &*found;
}

// A file in memory, for libsndfile.
struct Memory {
    std::string bytes;
    sf_count_t at = 0;

    static Memory& of(void* self) { return *static_cast<Memory*>(self); }
    static sf_count_t length(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
    static sf_count_t seek(sf_count_t offset, int whence, void* self) {
        auto& memory = of(self);
        if (whence == SEEK_CUR) offset += memory.at;
        if (whence == SEEK_END) offset += length(self);
        if (offset < 0) return -1;
        return memory.at = offset;
    }
    static sf_count_t read(void* to, sf_count_t count, void* self) {
        auto& memory = of(self);
        const auto left = std::max<sf_count_t>(length(self) - memory.at, 0);
        count = std::min(count, left);
        std::memcpy(to, memory.bytes.data() + memory.at, static_cast<std::size_t>(count));
        memory.at += count;
        return count;
    }
    static sf_count_t write(const void* from, sf_count_t count, void* self) {
        auto& memory = of(self);
        const auto end = static_cast<std::size_t>(memory.at + count);
        if (memory.bytes.size() < end) memory.bytes.resize(end);
        std::memcpy(memory.bytes.data() + memory.at, from, static_cast<std::size_t>(count));
        memory.at += count;
        return count;
    }
    static sf_count_t tell(void* self) { return of(self).at; }
};

}  // namespace

std::optional<std::string_view> content_type_of(std::string_view format) {
    const auto* known = find(format);
    if (known == nullptr) return std::nullopt;
    return known->content_type;
}

Checked<std::string> encode(std::span<const std::int16_t> samples, int rate_hz,
                            std::string_view format) {
    const auto* known = find(format);
    const Fault fault{std::string(format), "is no format that can be made here",
                      "use mp3, wav, opus, flac or pcm"};
    if (known == nullptr || known->sndfile == 0) return fault;
    SF_INFO info{};
    info.samplerate = rate_hz;
    info.channels = 1;
    info.format = known->sndfile;
    if (sf_format_check(&info) == 0) return fault;
    SF_VIRTUAL_IO io{Memory::length, Memory::seek, Memory::read, Memory::write, Memory::tell};
    Memory memory;
    SNDFILE* file = sf_open_virtual(&io, SFM_WRITE, &info, &memory);
    if (file == nullptr) {
        return Fault{std::string(format),
                     fmt::format("cannot be written: {}", sf_strerror(nullptr)),
                     "use another format, such as wav"};
    }
    const auto count = static_cast<sf_count_t>(samples.size());
    const bool is_written = sf_write_short(file, samples.data(), count) == count;
    const std::string why = is_written ? "" : sf_strerror(file);
    if (sf_close(file) != 0 || !is_written)
        return Fault{std::string(format), "cannot be written: " + why, ""};
    return {boost::system::in_place_value, std::move(memory.bytes)};
}

}  // namespace parley::voice
