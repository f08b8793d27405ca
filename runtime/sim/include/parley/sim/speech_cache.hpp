// speech_cache.hpp: what has been spoken once is not spoken again.
//
// Asking is blocking (espeak-ng is run): for worker threads only. Safe from several threads;
// several who ask for the same words at the same time wait for one run of the program.
#pragma once

#include <parley/sim/response_run.hpp>

#include <parley/core/result.hpp>

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace parley::sim {

class SpeechCache {
 public:
    struct Words {
        std::string text;
        std::string voice;
        int words_per_minute = 180;
        int rate_hz = 8'000;
    };

    // The one of this process.
    static SpeechCache& of_process();

    // WAV files by content; empty: memory only. A folder that cannot be written to is no error.
    void keep_in(std::string folder);
    Checked<Speech> get(const Words& words);

 private:
    using Made = std::shared_future<Checked<Speech>>;
    Checked<Speech> make(const Words& words, const std::string& key,
                         const std::string& folder) const;

    std::mutex mutex_;
    std::string folder_;
    std::unordered_map<std::string, Made> made_;
};

}  // namespace parley::sim
