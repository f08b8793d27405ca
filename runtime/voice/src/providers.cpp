#include "providers.hpp"

#include <parley/audio/wav.hpp>
#include <parley/core/json.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

namespace parley::voice {
namespace {

using Made = boost::system::result<Audio, Failure>;
using AskFor = boost::system::result<Asking, Failure> (*)(const Options&, const net::Url&,
                                                          const Wanted&);

constexpr int pcm_hz = 24'000;
constexpr std::size_t reason_bytes_max = 300;

// Base and path without a doubled slash.
std::string target_of(const net::Url& base, std::string_view path) {
    std::string target = base.target;
    while (target.ends_with('/')) target.pop_back();
    return target + std::string(path);
}

// A request's way from being sent to its last byte. The first of began and finished answers whoever
// waits for it.
class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
    explicit Transfer(std::string content_type) : content_type_(std::move(content_type)) {}

    Task<> run(Asking asking, net::RequestLimits limits) {
        const auto self = shared_from_this();
        net::Pieces pieces;
        pieces.began = [self, head = asking.head](const net::Response&) {
            if (!head.empty()) self->body_->send(head);
            self->answer(Audio{self->content_type_, self->body_});
        };
        pieces.take = [self](std::string piece) { return self->body_->write(std::move(piece)); };
        const auto result = co_await net::fetch_in_pieces(
            std::move(asking.url), std::move(asking.request), std::move(limits), std::move(pieces));
        if (is_answered_) {
            if (result) {
                body_->finish();
            } else {
                log::warn("voice.broken_off", {{"what", result.error().what}});
                body_->abort();  // the listener must not take half a sentence for the whole
            }
        } else if (!result) {
            answer(Failure{Failure::Kind::provider, result.error().what});
        } else {
            answer(Failure{Failure::Kind::provider, reason_of(*result)});
        }
    }

    template <class Handler>
    void wait(Handler handler) {
        auto kept = std::make_shared<Handler>(std::move(handler));
        waiter_ = [kept](Made made) { (*kept)(std::move(made)); };
    }

 private:
    void answer(Made made) {
        is_answered_ = true;
        if (auto waiter = std::exchange(waiter_, nullptr)) waiter(std::move(made));
    }

    const std::string content_type_;
    std::shared_ptr<net::BodyStream> body_ = std::make_shared<net::BodyStream>();
    std::function<void(Made)> waiter_;
    bool is_answered_ = false;
};

class ProviderVoice final : public Voice {
 public:
    ProviderVoice(Options options, net::Url base, AskFor ask)
        : options_(std::move(options)), base_(std::move(base)), ask_(ask) {}

    Task<Made> make(Wanted wanted) override {
        const auto content_type = content_type_of(wanted.format);
        if (!content_type)
            co_return Failure{Failure::Kind::mistake,
                              "use the format mp3, wav, opus, flac, aac or pcm"};
        if (wanted.voice.empty()) wanted.voice = options_.voice;
        auto asking = ask_(options_, base_, wanted);
        if (!asking) co_return asking.error();
        net::RequestLimits limits;
        limits.timeout = options_.timeout;
        limits.response_bytes_max = options_.audio_bytes_max;
        auto transfer = std::make_shared<Transfer>(std::string(*content_type));
        auto home = co_await asio::this_coro::executor;
        auto start = [transfer, home, asking = std::move(*asking), limits](auto handler) mutable {
            transfer->wait(std::move(handler));
            asio::co_spawn(home, transfer->run(std::move(asking), std::move(limits)),
                           asio::detached);
        };
        auto made = co_await asio::async_initiate<decltype(asio::use_awaitable), void(Made)>(
            std::move(start), asio::use_awaitable);
        co_return made;
    }

 private:
    const Options options_;
    const net::Url base_;
    const AskFor ask_;
};

}  // namespace

std::string reason_of(const net::Response& response) {
    std::string text;
    if (const auto body = json_read::parse(response.body); body && body->is_object()) {
        const auto& object = body->get_object();
        for (const char* name : {"error", "detail"}) {
            if (const auto* inner = json_read::object(object, name))
                text = json_read::text(*inner, "message");
            if (text.empty()) text = json_read::text(object, name);
            if (!text.empty()) break;
        }
    }
    const std::string status = fmt::format("the provider answered {}", response.status);
    return text.empty() ? status
                        : shortened(status + ": " + log::without_secrets(text), reason_bytes_max);
}

boost::system::result<Asking, Failure> ask_openai(const Options& options, const net::Url& base,
                                                  const Wanted& wanted) {
    Asking asking;
    asking.url = base;
    asking.request.method = "POST";
    asking.request.target = target_of(base, "/audio/speech");
    asking.request.headers.set("Content-Type", "application/json");
    asking.request.headers.set("Authorization", "Bearer " + options.api_key.reveal());
    asking.request.body = json::serialize(
        json::object{{"model", options.model},
                     {"input", wanted.text},
                     {"voice", wanted.voice.empty() ? "verse" : wanted.voice},
                     {"response_format", wanted.format == "ogg" ? "opus" : wanted.format}});
    return {boost::system::in_place_value, std::move(asking)};
}

boost::system::result<Asking, Failure> ask_elevenlabs(const Options& options, const net::Url& base,
                                                      const Wanted& wanted) {
    if (wanted.voice.empty())
        return Failure{Failure::Kind::mistake, "name a voice by its id, or set speech.voice"};
    Asking asking;
    std::string output;
    if (wanted.format == "mp3") output = "mp3_44100_128";
    if (wanted.format == "opus" || wanted.format == "ogg") output = "opus_48000_64";
    if (wanted.format == "pcm" || wanted.format == "wav") output = fmt::format("pcm_{}", pcm_hz);
    if (output.empty())
        return Failure{Failure::Kind::mistake, "use the format mp3, wav, opus or pcm"};
    if (wanted.format == "wav") {
        const auto header = audio::wav_header(pcm_hz, 1, audio::wav_length_unknown);
        asking.head.assign(header.begin(), header.end());
    }
    asking.url = base;
    asking.request.method = "POST";
    asking.request.target =
        target_of(base, fmt::format("/v1/text-to-speech/{}/stream?output_format={}",
                                    net::percent_encode(wanted.voice), output));
    asking.request.headers.set("Content-Type", "application/json");
    asking.request.headers.set("xi-api-key", options.api_key.reveal());
    asking.request.body =
        json::serialize(json::object{{"text", wanted.text}, {"model_id", options.model}});
    return {boost::system::in_place_value, std::move(asking)};
}

Checked<std::unique_ptr<Voice>> make_provider_voice(Options options) {
    const bool is_openai = options.provider == "openai";
    const std::string setting = is_openai ? "speech.openai" : "speech.elevenlabs";
    auto base = net::Url::parse(options.base_url);
    if (!base)
        return Fault{setting + ".base_url", base.error().what,
                     "use an address such as https://api.openai.com/v1"};
    if (options.api_key.empty()) {
        return Fault{setting + ".api_key", "is not set, so nothing can be spoken",
                     is_openai ? "set OPENAI_API_KEY, or speech.provider to espeak"
                               : "set ELEVENLABS_API_KEY, or speech.provider to espeak"};
    }
    return {std::make_unique<ProviderVoice>(std::move(options), std::move(*base),
                                            is_openai ? ask_openai : ask_elevenlabs)};
}

}  // namespace parley::voice
