#include <parley/sim/speech_cache.hpp>

#include <parley/audio/speech.hpp>
#include <parley/audio/wav.hpp>
#include <parley/core/crypto.hpp>

#include <filesystem>

namespace parley::sim {

namespace {

// The file gets its name only when it is complete: another process may be looking.
void store(const std::filesystem::path& path, const std::vector<std::int16_t>& samples,
           int rate_hz) {
    const std::filesystem::path part = path.string() + "." + crypto::random_hex(4);
    auto file = audio::WavWriter::create(part, rate_hz, 1);
    if (!file) return;
    const bool is_whole = file->write(samples) && file->close();
    std::error_code ignored;
    if (is_whole) {
        std::filesystem::rename(part, path, ignored);
    } else {
        std::filesystem::remove(part, ignored);
    }
}

}  // namespace

SpeechCache& SpeechCache::of_process() {
    static SpeechCache cache;
    return cache;
}

void SpeechCache::keep_in(std::string folder) {
    std::error_code ignored;
    if (!folder.empty()) std::filesystem::create_directories(folder, ignored);
    const std::lock_guard lock(mutex_);
    folder_ = std::move(folder);
}

Checked<Speech> SpeechCache::get(const Words& words) {
    const std::string key = crypto::sha256_hex(fmt::format(
        "{}\n{}\n{}\n{}", words.voice, words.words_per_minute, words.rate_hz, words.text));
    std::promise<Checked<Speech>> promise;
    Made made;
    std::string folder;
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = made_.find(key); known != made_.end()) {
            made = known->second;
        } else {
            made_.emplace(key, promise.get_future().share());
            folder = folder_;
        }
    }
    if (made.valid()) return made.get();
    auto result = make(words, key, folder);
    promise.set_value(result);
    if (!result) {  // may work next time
        const std::lock_guard lock(mutex_);
        made_.erase(key);
    }
    return result;
}

Checked<Speech> SpeechCache::make(const Words& words, const std::string& key,
                                  const std::string& folder) const {
    std::filesystem::path path;
    if (!folder.empty()) {
        path = std::filesystem::path(folder) / (key + ".wav");
        std::error_code absent;
        if (std::filesystem::exists(path, absent)) {
            auto wav = audio::read_wav_file(path);
            if (wav && wav->rate_hz == words.rate_hz && wav->channels == 1) {
                return Speech(
                    std::make_shared<const std::vector<std::int16_t>>(std::move(wav->samples)));
            }
        }
    }
    audio::SpeechOptions options;
    options.voice = words.voice;
    options.speed = words.words_per_minute;
    options.rate_hz = words.rate_hz;
    auto samples = audio::speak(words.text, options);
    if (!samples) return samples.error();
    if (!path.empty()) store(path, *samples, words.rate_hz);
    return Speech(std::make_shared<const std::vector<std::int16_t>>(std::move(*samples)));
}

}  // namespace parley::sim
