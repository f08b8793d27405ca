#include <parley/voice/voice.hpp>

#include "providers.hpp"

#include <parley/audio/speech.hpp>
#include <parley/core/answer.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>

namespace parley::voice {
namespace {

constexpr int espeak_hz = 24'000;  // of Opus's rates, and more than espeak-ng's voices have
constexpr std::size_t threads = 2;

using Made = boost::system::result<Audio, Failure>;

Made speak(const Wanted& wanted, const std::string& voice) {
    const auto samples = audio::speak(wanted.text, {.voice = voice, .rate_hz = espeak_hz});
    if (!samples) return Failure{Failure::Kind::provider, samples.error().text()};
    auto file = encode(*samples, espeak_hz, wanted.format);
    if (!file) return Failure{Failure::Kind::provider, file.error().text()};
    auto body = std::make_shared<net::BodyStream>(
        net::BodyStreamLimits{.queue_bytes_max = file->size() + 1});
    body->send(std::move(*file));
    body->finish();
    return Audio{std::string(*content_type_of(wanted.format)), std::move(body)};
}

class EspeakVoice final : public Voice {
 public:
    explicit EspeakVoice(Options options) : options_(std::move(options)) {}
    ~EspeakVoice() override { pool_.join(); }

    Task<Made> make(Wanted wanted) override {
        const auto voice = espeak_voice(wanted.voice.empty() ? options_.voice : wanted.voice);
        if (!voice) co_return Failure{Failure::Kind::mistake, "there is no such voice"};
        if (wanted.format == "aac" || !content_type_of(wanted.format))
            co_return Failure{Failure::Kind::mistake, "use the format mp3, wav, opus, flac or pcm"};
        if (wanted.text.size() > audio::SpeechOptions().text_bytes_max)
            co_return Failure{Failure::Kind::mistake, "the text is too long"};
        if (waiting_.fetch_add(1) >= options_.waiting_max) {
            --waiting_;
            co_return Failure{Failure::Kind::busy, "too many texts are being spoken already"};
        }
        auto start = [this, wanted = std::move(wanted), voice = *voice](auto done) mutable {
            asio::post(pool_, [this, wanted = std::move(wanted), voice, done = std::move(done)] {
                auto made = speak(wanted, voice);
                --waiting_;
                done(std::move(made));
            });
        };
        co_return co_await answer_to<Made>(std::move(start));
    }

 private:
    const Options options_;
    std::atomic<std::size_t> waiting_{0};
    asio::thread_pool pool_{threads};
};

}  // namespace

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
    throw std::runtime_error(failure.what);
}

std::optional<std::string> espeak_voice(std::string_view name) {
    struct Known {
        std::string_view name, voice;
    };
    static constexpr std::array known{
        Known{"", "en-us"},           Known{"alloy", "en-us+f2"}, Known{"ash", "en-us+m1"},
        Known{"ballad", "en-gb+m2"},  Known{"cedar", "en-us+m3"}, Known{"coral", "en-us+f1"},
        Known{"echo", "en-us+m4"},    Known{"fable", "en-gb+m5"}, Known{"marin", "en-us+f3"},
        Known{"nova", "en-us+f4"},    Known{"onyx", "en-us+m7"},  Known{"sage", "en-us+f5"},
        Known{"shimmer", "en-us+f2"}, Known{"verse", "en-us+m2"},
    };
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const Known& each) { return each.name == name; });
    if (found != known.end()) return std::string(found->voice);
    const bool is_name = name.size() <= 40 && std::all_of(name.begin(), name.end(), [](char c) {
                             return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
                                    c == '_' || c == '+';
                         });
    if (!is_name) return std::nullopt;
    return std::string(name);
}

Checked<std::unique_ptr<Voice>> make_voice(Options options) {
    if (options.provider == "espeak") return {std::make_unique<EspeakVoice>(std::move(options))};
    return make_provider_voice(std::move(options));
}

}  // namespace parley::voice
