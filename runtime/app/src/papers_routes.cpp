// What callers leave behind, over HTTP: GET /api/transcript/:callSid and POST /generate-voice.
#include "papers_routes.hpp"

#include <parley/archive/transcript.hpp>
#include <parley/core/answer.hpp>
#include <parley/core/log.hpp>
#include <parley/ops/answers.hpp>

#include <fmt/format.h>

namespace parley::app {
namespace {

using Entries = std::vector<call::journal::Entry>;

constexpr std::size_t call_sid_bytes_max = 100;

Task<Entries> entries_of(store::Store& store, std::string call_sid) {
    auto ask = [&store, call_sid = std::move(call_sid)](auto done) {
        store.conversation(call_sid, std::move(done));
    };
    return answer_to<Entries>(std::move(ask));
}

Task<net::Response> transcript(store::Store& store, ops::Asked asked) {
    const std::string call_sid = asked.param("callSid");
    auto entries = co_await entries_of(store, call_sid);
    const auto found = archive::Transcript::of(call_sid, entries);
    if (!found.has_started()) {
        co_return ops::refusal(404,
                               fmt::format("No transcript found for call SID: {}",
                                           shortened(to_valid_utf8(call_sid), call_sid_bytes_max)));
    }
    if (asked.query("format").value_or("json") != "text")
        co_return ops::as_json(200, found.as_json());
    net::Response response;
    response.body = found.as_conversation();
    response.headers.set("Cache-Control", "no-store");
    co_return response;
}

Task<net::Response> generate(voice::Voice& voice, ops::Asked asked) {
    constexpr std::string_view no_text = "Provide the `text` field to synthesize speech.";
    const auto body = asked.json_body();
    voice::Wanted wanted;
    if (body) {
        wanted.text = std::string(trim(json_read::text(*body, "text")));
        wanted.voice = json_read::text(*body, "voice");
        if (const auto format = json_read::text(*body, "format"); !format.empty())
            wanted.format = lower(format);
    }
    if (wanted.text.empty()) co_return ops::refusal(400, no_text);
    const std::string format = wanted.format;
    auto made = co_await voice.make(std::move(wanted));
    if (!made) {
        const auto& failure = made.error();
        const bool is_mistake = failure.kind == voice::Failure::Kind::mistake;
        if (!is_mistake) log::warn("voice.failed", {{"what", failure.what}});
        auto response = ops::refusal(is_mistake                                   ? 400
                                     : failure.kind == voice::Failure::Kind::busy ? 503
                                                                                  : 500,
                                     "Unable to generate voice audio.", failure.what);
        if (failure.kind == voice::Failure::Kind::busy) response.headers.set("Retry-After", "2");
        co_return response;
    }
    net::Response response;
    response.content_type = made->content_type;
    response.headers.set("Content-Disposition",
                         fmt::format("attachment; filename=\"openai-voice.{}\"", format));
    response.stream = std::move(made->body);
    co_return response;
}

}  // namespace

void add_papers(ops::Routes& routes, store::Store& store, voice::Voice& voice) {
    routes.add({{"GET"},
                "/api/transcript/:callSid",
                ops::Access::viewer,
                "what was said in a call; ?format=text for people",
                [&store](ops::Asked asked) { return transcript(store, std::move(asked)); }});
    routes.add({{"POST"},
                "/generate-voice",
                ops::Access::operating,
                "a text as an audio file",
                [&voice](ops::Asked asked) { return generate(voice, std::move(asked)); }});
}

void add_root(ops::Routes& routes, const std::string& answer) {
    if (answer.empty()) return;
    net::Response response;
    response.body = answer;
    if (const auto parsed = json_read::parse(answer)) response = ops::as_json(200, *parsed);
    routes.add({{"GET"},
                "/",
                ops::Access::open,
                "what server.root_answer says",
                [response](const ops::Asked&) -> Task<net::Response> { co_return response; }});
}

Checked<std::unique_ptr<voice::Voice>> voice_of(const config::Settings& settings) {
    const auto& speech = settings.speech;
    voice::Options options;
    options.provider = speech.provider;
    options.voice = speech.voice;
    if (speech.provider == "openai") {
        options.base_url = speech.openai_base_url;
        options.api_key =
            speech.openai_api_key.empty() ? settings.openai.api_key : speech.openai_api_key;
        options.model = speech.openai_model;
    } else if (speech.provider == "elevenlabs") {
        options.base_url = speech.elevenlabs_base_url;
        options.api_key = speech.elevenlabs_api_key;
        options.model = speech.elevenlabs_model;
    }
    return voice::make_voice(std::move(options));
}

}  // namespace parley::app
