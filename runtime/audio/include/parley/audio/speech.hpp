// speech.hpp: offline speech for fixed phrases, fakes and tests, by the espeak-ng program.
//
// espeak-ng is GPL-3: it is run as a program of its own and never linked, so that Parley can stay
// MIT. No shell is involved, and the text cannot become an option.
//
// Blocking: starts a process and waits for it (tens of milliseconds). For worker threads and
// start-up, never for an io thread. Safe from several threads at once.
#pragma once

#include <parley/core/result.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace parley::audio {

struct SpeechOptions {
    std::string voice = "en-us";        // letters, digits, '-', '_', '+'
    int speed = 165;                    // words per minute, 80 to 450
    int rate_hz = 8'000;                // of the samples returned
    std::string program = "espeak-ng";  // looked up in PATH
    std::chrono::milliseconds timeout{20'000};
    std::size_t text_bytes_max = 16 * 1024;
};

// Mono samples of the spoken text; none for blank text. Fault when the program is missing (the
// remedy says what to install), refuses the voice, or takes too long.
Checked<std::vector<std::int16_t>> speak(std::string_view text, const SpeechOptions& options = {});

}  // namespace parley::audio
