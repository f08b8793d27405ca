#include "phrases.hpp"

#include <parley/audio/g711.hpp>
#include <parley/audio/resampler.hpp>
#include <parley/audio/speech.hpp>
#include <parley/audio/tones.hpp>
#include <parley/audio/wav.hpp>
#include <parley/core/log.hpp>

namespace parley::app {
namespace {

constexpr std::size_t kept_max = 8;  // more than generations that can be rolled back to
constexpr std::size_t frame_bytes = 160;
constexpr std::size_t music_seconds_max = 10 * 60;

std::vector<std::int16_t> mono_of(const audio::Wav& wav) {
    if (wav.channels == 1) return wav.samples;
    std::vector<std::int16_t> mono(wav.samples.size() / 2);
    for (std::size_t i = 0; i < mono.size(); ++i)
        mono[i] = static_cast<std::int16_t>((wav.samples[2 * i] + wav.samples[2 * i + 1]) / 2);
    return mono;
}

Checked<std::vector<std::uint8_t>> music_of(const std::string& file) {
    const auto wav = audio::read_wav_file(file);
    if (!wav) return wav.error();
    auto samples = mono_of(*wav);
    if (samples.empty()) return Fault{file, "is empty", "choose another file"};
    if (samples.size() > music_seconds_max * static_cast<std::size_t>(wav->rate_hz))
        return Fault{file, "is longer than ten minutes", "choose a shorter piece"};
    if (wav->rate_hz != audio::telephone_hz)
        samples = audio::resampled(samples, wav->rate_hz, audio::telephone_hz);
    std::vector<std::uint8_t> music(samples.size());
    audio::encode_mulaw(samples, music);
    music.resize((music.size() + frame_bytes - 1) / frame_bytes * frame_bytes,
                 audio::mulaw_silence);
    return music;
}

std::vector<std::uint8_t> hold_music(const std::string& file) {
    if (file.empty()) return audio::hold_music();
    auto music = music_of(file);
    if (music) return std::move(*music);
    log::warn("hold_music.unavailable",
              {{"what", music.error().text()}, {"effect", "the built-in music is played instead"}});
    return audio::hold_music();
}

}  // namespace

PhraseBook::PhraseBook(const config::CallSettings& first)
    : worker_([this, wanted = wanted_of(first)] { render(wanted); }) {}

PhraseBook::~PhraseBook() { worker_.join(); }

PhraseBook::Wanted PhraseBook::wanted_of(const config::CallSettings& settings) {
    return {settings.phrases, settings.hold_music};
}

std::shared_ptr<const call::Phrases> PhraseBook::find(const Wanted& wanted) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [known, phrases] : rendered_) {
        if (known == wanted) return phrases;
    }
    return nullptr;
}

std::shared_ptr<const call::Phrases> PhraseBook::of(const config::CallSettings& settings) const {
    auto phrases = find(wanted_of(settings));
    return phrases ? std::move(phrases) : std::make_shared<call::Phrases>();
}

void PhraseBook::render(const config::CallSettings& settings) { render(wanted_of(settings)); }

void PhraseBook::render(const Wanted& wanted) {
    if (find(wanted)) return;
    auto rendered = std::make_shared<call::Phrases>();
    rendered->hold = hold_music(wanted.hold_music);
    bool has_voice = true;
    for (auto [name, audio] : {std::pair{"one_moment", &rendered->one_moment},
                               {"apology", &rendered->apology},
                               {"goodbye", &rendered->goodbye},
                               {"over_budget", &rendered->over_budget}}) {
        const auto text = wanted.texts.find(name);
        if (text == wanted.texts.end() || text->second.empty()) continue;
        const auto samples = audio::speak(text->second, {.rate_hz = audio::telephone_hz});
        if (!samples) {
            log::warn("phrases.unavailable",
                      {{"what", samples.error().text()},
                       {"effect", "the carrier's voice apologises instead"}});
            has_voice = false;
            break;
        }
        audio->resize(samples->size());
        audio::encode_mulaw(*samples, *audio);
    }
    {
        const std::lock_guard lock(mutex_);
        rendered_.emplace_back(wanted, std::move(rendered));
        if (rendered_.size() > kept_max) rendered_.pop_front();
    }
    if (has_voice) log::debug("phrases.ready");
}

}  // namespace parley::app
