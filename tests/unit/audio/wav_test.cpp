#include <parley/audio/signal.hpp>
#include <parley/audio/wav.hpp>

#include <gtest/gtest.h>

#include <unistd.h>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace parley::audio {
namespace {

using Bytes = std::vector<std::uint8_t>;

class TempFile {
 public:
    TempFile() {
        std::string name = std::filesystem::temp_directory_path() / "parley-wav-XXXXXX";
        ::close(::mkstemp(name.data()));
        path_ = name;
    }
    ~TempFile() { std::filesystem::remove(path_); }
    const std::filesystem::path& path() const { return path_; }
    Bytes bytes() const {
        std::ifstream in(path_, std::ios::binary);
        return Bytes(std::istreambuf_iterator<char>(in), {});
    }

 private:
    std::filesystem::path path_;
};

void put(Bytes& bytes, std::string_view text) {
    bytes.insert(bytes.end(), text.begin(), text.end());
}
void put(Bytes& bytes, std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

struct Sketch {
    unsigned format = 1;
    unsigned channels = 1;
    unsigned rate_hz = 8'000;
    unsigned bits = 16;
    std::optional<unsigned> block = {};
    std::optional<unsigned> claimed = {};
    Bytes data = {1, 0, 255, 255};
    Bytes between = {};
};

Bytes wav(const Sketch& sketch) {
    Bytes bytes;
    const unsigned block = sketch.block.value_or(sketch.channels * sketch.bits / 8);
    put(bytes, "RIFF");
    put(bytes, static_cast<std::uint32_t>(36 + sketch.data.size()), 4);
    put(bytes, "WAVEfmt ");
    put(bytes, 16, 4);
    put(bytes, sketch.format, 2);
    put(bytes, sketch.channels, 2);
    put(bytes, sketch.rate_hz, 4);
    put(bytes, sketch.rate_hz * block, 4);
    put(bytes, block, 2);
    put(bytes, sketch.bits, 2);
    bytes.insert(bytes.end(), sketch.between.begin(), sketch.between.end());
    put(bytes, "data");
    put(bytes, sketch.claimed.value_or(static_cast<unsigned>(sketch.data.size())), 4);
    bytes.insert(bytes.end(), sketch.data.begin(), sketch.data.end());
    return bytes;
}

std::string complaint(const Bytes& bytes) {
    const auto read = read_wav(bytes, "a.wav");
    return read ? "" : read.error().text();
}

TEST(WavReader, NamesWhatIsWrong) {
    EXPECT_NE(complaint({}).find("not a WAV"), std::string::npos);
    EXPECT_NE(complaint(Bytes(100, 0)).find("not a WAV"), std::string::npos);
    EXPECT_NE(complaint(wav({.format = 3, .bits = 32})).find("format 3"), std::string::npos);
    EXPECT_NE(complaint(wav({.bits = 8})).find("8 bits"), std::string::npos);
    EXPECT_NE(complaint(wav({.channels = 6})).find("6 channels"), std::string::npos);
    EXPECT_NE(complaint(wav({.channels = 0})).find("0 channels"), std::string::npos);
    EXPECT_NE(complaint(wav({.rate_hz = 0})).find("rate"), std::string::npos);
    EXPECT_NE(complaint(wav({.block = 3u})).find("block"), std::string::npos);
    EXPECT_NE(complaint(wav({.claimed = 5u})).find("cut off"), std::string::npos);
    EXPECT_NE(complaint(wav({.data = {1, 0, 2}})).find("middle of a sample"), std::string::npos);
    EXPECT_EQ(complaint(wav({.bits = 8})).substr(0, 6), "a.wav:");
}

TEST(WavReader, EveryCutIsAFaultAndNothingElse) {
    const Bytes whole = wav({.data = Bytes(40, 7)});
    ASSERT_TRUE(read_wav(whole));
    for (std::size_t length = 0; length < whole.size(); ++length) {
        EXPECT_FALSE(read_wav(std::span(whole).first(length))) << length;
    }
}

TEST(WavReader, ReadsPcm16) {
    const auto read = read_wav(
        wav({.channels = 2, .rate_hz = 16'000, .data = {1, 0, 255, 255, 0, 128, 255, 127}}));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->rate_hz, 16'000);
    EXPECT_EQ(read->channels, 2);
    EXPECT_EQ(read->samples, (std::vector<std::int16_t>{1, -1, -32'768, 32'767}));
}

TEST(WavReader, ReadsMulaw) {
    const auto read = read_wav(wav({.format = 7, .bits = 8, .data = {0xFF, 0x00, 0x80}}));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->samples, (std::vector<std::int16_t>{0, -32'124, 32'124}));
}

TEST(WavReader, SkipsOtherChunksWithTheirPadding) {
    Bytes list;
    put(list, "LIST");
    put(list, 3, 4);
    put(list, "abc");
    list.push_back(0);
    const auto read = read_wav(wav({.between = list}));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->samples.size(), 2u);
}

TEST(WavReader, AStreamedHeaderMayPromiseMoreThanThereIs) {
    const Bytes streamed = wav({.claimed = 0x7FFF'F000u, .data = {1, 0, 2, 0, 3}});
    EXPECT_FALSE(read_wav(streamed));
    const auto read = read_wav(streamed, "pipe", WavLength::streamed);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->samples, (std::vector<std::int16_t>{1, 2}));
}

TEST(WavReader, AMissingFileIsAFault) {
    const auto read = read_wav_file("/nowhere/at/all.wav");
    ASSERT_FALSE(read);
    EXPECT_NE(read.error().text().find("/nowhere/at/all.wav: cannot be opened"), std::string::npos);
    EXPECT_FALSE(read_wav_file("/tmp"));
}

TEST(WavWriter, WhatIsWrittenCanBeRead) {
    const TempFile file;
    const std::vector<std::int16_t> tone = sine(440, 8'000, std::chrono::milliseconds(2'500));
    auto writer = WavWriter::create(file.path(), 8'000, 2);
    ASSERT_TRUE(writer) << writer.error().text();
    for (std::size_t at = 0; at < tone.size(); at += 160)
        ASSERT_TRUE(writer->write(std::span(tone).subspan(at, 160)));
    ASSERT_TRUE(writer->close());
    const auto read = read_wav_file(file.path());
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->channels, 2);
    EXPECT_EQ(read->rate_hz, 8'000);
    EXPECT_EQ(read->samples, tone);
}

TEST(WavWriter, ARecordingCutShortPlaysUpToItsLastSecond) {
    const TempFile file;
    auto writer = WavWriter::create(file.path(), 8'000, 1);
    ASSERT_TRUE(writer);
    EXPECT_TRUE(read_wav(file.bytes())) << "an empty recording is valid from the start";
    ASSERT_TRUE(writer->write(std::vector<std::int16_t>(8'000 * 3 + 100, 5)));
    ASSERT_TRUE(writer->write(std::vector<std::int16_t>(4'000, 6)));  // not a second yet
    const auto read = read_wav(file.bytes());  // as a crash at this moment would leave it
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->samples.size(), 8'000u * 3 + 100);
    ASSERT_TRUE(writer->close());
    EXPECT_EQ(read_wav(file.bytes())->samples.size(), 8'000u * 3 + 4'100);
}

TEST(WavWriter, ClosesWhenItGoesAway) {
    const TempFile file;
    {
        auto writer = WavWriter::create(file.path(), 8'000, 1);
        ASSERT_TRUE(writer);
        WavWriter moved = std::move(*writer);
        ASSERT_TRUE(moved.write(std::vector<std::int16_t>(10, 1)));
    }
    EXPECT_EQ(read_wav(file.bytes())->samples.size(), 10u);
}

TEST(WavWriter, SaysThatTheDiskRefused) {
    auto writer = WavWriter::create("/dev/full", 8'000, 1);
    EXPECT_FALSE(writer) << "a full disk shows at once";
    const auto nowhere = WavWriter::create("/nowhere/at/all.wav", 8'000, 1);
    ASSERT_FALSE(nowhere);
    EXPECT_FALSE(nowhere.error().remedy.empty());
}

}  // namespace
}  // namespace parley::audio
