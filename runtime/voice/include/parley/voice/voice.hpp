// voice.hpp: text made into an audio file, by a provider or on this machine.
//
//   espeak      espeak-ng and libsndfile; needs no key. Blocking work, done on two threads of its own
//   openai      any server that knows POST /audio/speech
//   elevenlabs  POST /v1/text-to-speech/VOICE/stream
//
// What a provider sends is passed on as it comes, no faster than the listener takes it.
//
// Owner:  app; outlives the requests. Thread: make() on any io thread.
// End:    the destructor waits for the speech under way; no request may be.
#pragma once

#include <parley/core/result.hpp>
#include <parley/core/task.hpp>
#include <parley/core/text.hpp>
#include <parley/net/body_stream.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace parley::voice {

struct Wanted {
    std::string text;
    std::string voice;           // the provider's name for it; empty: the settings'
    std::string format = "mp3";  // mp3, wav, opus, flac, pcm; aac where the provider knows it
};

// "audio/mpeg" for "mp3"; nothing for a format that nobody knows.
std::optional<std::string_view> content_type_of(std::string_view format);

struct Audio {
    std::string content_type;
    std::shared_ptr<net::BodyStream> body;
};
struct Failure {
    enum class Kind {
        mistake,   // whoever asked can mend it: too long, a format or voice that is not there
        busy,      // more waits already than is good
        provider,  // did not do it
    };
    Kind kind = Kind::provider;
    std::string what;
};
[[noreturn]] void throw_exception_from_error(const Failure& failure, const boost::source_location&);

class Voice {
 public:
    virtual ~Voice() = default;
    // Completes when audio begins to come, or with why none does.
    virtual Task<boost::system::result<Audio, Failure>> make(Wanted wanted) = 0;
};

struct Options {
    std::string provider = "espeak";
    std::string voice;  // where a request names none; empty: the provider's usual one
    std::string base_url;
    Secret api_key;
    std::string model;
    std::chrono::milliseconds timeout{60'000};  // until the last byte from a provider
    std::size_t audio_bytes_max = 64 * 1024 * 1024;
    std::size_t waiting_max = 16;  // for espeak-ng; beyond it: busy
};
// Fault for an address that cannot be used, or a key that is missing.
Checked<std::unique_ptr<Voice>> make_voice(Options options);

// Mono samples as a whole file. Fault for a format that libsndfile cannot write here.
Checked<std::string> encode(std::span<const std::int16_t> samples, int rate_hz,
                            std::string_view format);

// The voice of espeak-ng for a name; names of OpenAI's voices have one each, so that clients need
// not be changed. Nothing for what cannot be a voice.
std::optional<std::string> espeak_voice(std::string_view name);

}  // namespace parley::voice
