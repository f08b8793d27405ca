#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>
#include <parley/audio/transcoder.hpp>

#include <gtest/gtest.h>

namespace parley::audio {
namespace {

using std::chrono::milliseconds;
using Bytes = std::vector<std::uint8_t>;

Bytes to_le(std::span<const std::int16_t> samples) {
    Bytes bytes;
    for (const std::int16_t sample : samples) {
        bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint16_t>(sample) & 0xFF));
        bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint16_t>(sample) >> 8));
    }
    return bytes;
}

std::vector<std::int16_t> from_le(const Bytes& bytes) {
    std::vector<std::int16_t> samples(bytes.size() / 2);
    for (std::size_t i = 0; i < samples.size(); ++i) {
        samples[i] = static_cast<std::int16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8);
    }
    return samples;
}

Bytes mulaw_tone(double hz, milliseconds length) {
    const auto tone = sine(hz, telephone_hz, length);
    Bytes coded(tone.size());
    encode_mulaw(tone, coded);
    return coded;
}

template <class T>
std::span<const T> without_edges(const std::vector<T>& samples, std::size_t edge) {
    return std::span(samples).subspan(edge, samples.size() - 2 * edge);
}

TEST(MulawToPcm24k, MakesASineThreeTimesAsDenseFrameByFrame) {
    const Bytes line = mulaw_tone(1'000, milliseconds(1'000));
    MulawToPcm24k transcoder;
    Bytes pcm;
    std::size_t most_held_back = 0;
    for (std::size_t at = 0; at + 160 <= line.size(); at += 160) {
        transcoder.convert(std::span(line).subspan(at, 160), pcm);
        if (at >= 1'600) most_held_back = std::max(most_held_back, (at + 160) * 3 - pcm.size() / 2);
    }
    EXPECT_LE(most_held_back, 20u * 24) << "20 ms at 24 kHz";
    const auto samples = from_le(pcm);
    const SineFit fit = fit_sine(without_edges(samples, 2'400), 1'000, model_hz);
    EXPECT_GT(fit.snr_db, 33) << "no worse than the µ-law it came from";
    EXPECT_NEAR(fit.amplitude, 0.5, 0.01);
}

TEST(MulawToPcm24k, SilenceStaysSilent) {
    MulawToPcm24k transcoder;
    Bytes pcm;
    transcoder.convert(Bytes(1'600, mulaw_silence), pcm);
    ASSERT_FALSE(pcm.empty());
    EXPECT_EQ(level_dbfs(from_le(pcm)), -120);
}

TEST(MulawToPcm24k, AppendsToWhatIsThere) {
    MulawToPcm24k transcoder;
    Bytes pcm{1, 2, 3};
    transcoder.convert(Bytes(1'600, mulaw_silence), pcm);
    ASSERT_GT(pcm.size(), 3u);
    EXPECT_EQ(pcm[0], 1);
    EXPECT_EQ(pcm[2], 3);
}

TEST(MulawToPcm24k, ForgetsTheOldSignalOnReset) {
    MulawToPcm24k transcoder;
    Bytes pcm;
    transcoder.convert(mulaw_tone(800, milliseconds(300)), pcm);
    transcoder.reset();
    pcm.clear();
    transcoder.convert(Bytes(1'600, mulaw_silence), pcm);
    EXPECT_EQ(level_dbfs(from_le(pcm)), -120);
}

TEST(Pcm24kToMulaw, KeepsTheToneAndItsLength) {
    const auto tone = sine(1'000, model_hz, milliseconds(1'000));
    Pcm24kToMulaw transcoder;
    Bytes line;
    const Bytes pcm = to_le(tone);
    // Deltas of a model have any length.
    std::size_t at = 0;
    for (std::size_t length = 1'000; at < pcm.size(); length = length * 7 % 9'001 + 1) {
        const std::size_t take = std::min(length, pcm.size() - at);
        transcoder.convert(std::span(pcm).subspan(at, take), line);
        at += take;
    }
    transcoder.flush(line);
    EXPECT_NEAR(static_cast<double>(line.size()), 8'000, 2);
    std::vector<std::int16_t> heard(line.size());
    decode_mulaw(line, heard);
    const SineFit fit = fit_sine(without_edges(heard, 800), 1'000, telephone_hz);
    EXPECT_GT(fit.snr_db, 33);
    EXPECT_NEAR(fit.amplitude, 0.5, 0.01);
}

TEST(Pcm24kToMulaw, AnOddByteWaitsForItsOtherHalf) {
    const Bytes pcm = to_le(sine(600, model_hz, milliseconds(200)));
    Pcm24kToMulaw whole;
    Bytes expected;
    whole.convert(pcm, expected);
    whole.flush(expected);

    Pcm24kToMulaw split;
    Bytes line;
    split.convert(std::span(pcm).first(1'001), line);
    split.convert({}, line);
    split.convert(std::span(pcm).subspan(1'001, 1), line);
    split.convert(std::span(pcm).subspan(1'002), line);
    split.flush(line);
    EXPECT_EQ(line, expected);
}

TEST(Pcm24kToMulaw, AnOddByteDoesNotShiftTheNextUtterance) {
    const Bytes pcm = to_le(sine(600, model_hz, milliseconds(100)));
    Pcm24kToMulaw fresh;
    Bytes expected;
    fresh.convert(pcm, expected);
    for (const bool flushed : {true, false}) {
        Pcm24kToMulaw used;
        Bytes ignored;
        used.convert(std::span(pcm).first(777), ignored);
        if (flushed) {
            used.flush(ignored);
        } else {
            used.reset();
        }
        Bytes line;
        used.convert(pcm, line);
        EXPECT_EQ(line, expected) << flushed;
    }
}

TEST(Pcm24kToMulaw, FiltersWhatWouldFoldBack) {
    Pcm24kToMulaw transcoder;
    Bytes line;
    transcoder.convert(to_le(sine(5'000, model_hz, milliseconds(500), 0.9)), line);
    std::vector<std::int16_t> heard(line.size());
    decode_mulaw(line, heard);
    ASSERT_GT(heard.size(), 2'000u);
    EXPECT_LT(level_dbfs(without_edges(heard, 800)), -70);
}

}  // namespace
}  // namespace parley::audio
