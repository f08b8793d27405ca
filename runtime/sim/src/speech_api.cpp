#include <parley/sim/speech_api.hpp>

#include <parley/core/json.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace parley::sim {
namespace {

using Answer = std::variant<SpeechWanted, net::Response>;

constexpr std::size_t openai_text_max = 4'096;
constexpr std::size_t elevenlabs_text_max = 40'000;
constexpr std::array<std::string_view, 13> openai_voices{
    "alloy", "ash",  "ballad", "cedar", "coral",   "echo", "fable",
    "marin", "nova", "onyx",   "sage",  "shimmer", "verse"};

net::Response json_answer(int status, const json::object& body) {
    net::Response response{.status = status, .content_type = "application/json"};
    response.body = json::serialize(body);
    return response;
}

net::Response openai_error(int status, std::string_view message, json::value param,
                           json::value code) {
    return json_answer(status, {{"error",
                                 {{"message", message},
                                  {"type", "invalid_request_error"},
                                  {"param", std::move(param)},
                                  {"code", std::move(code)}}}});
}

net::Response elevenlabs_error(int status, std::string_view name, std::string_view message) {
    return json_answer(status, {{"detail", {{"status", name}, {"message", message}}}});
}

Answer openai(const net::Request& request, const std::string& api_key) {
    const auto authorization = request.headers.get("Authorization").value_or("");
    const auto key = authorization.starts_with("Bearer ") ? authorization.substr(7) : "";
    if (key.empty() || (!api_key.empty() && key != api_key))
        return openai_error(401, "Incorrect API key provided.", nullptr, "invalid_api_key");
    const auto body = json_read::parse(request.body);
    if (!body || !body->is_object())
        return openai_error(400, "We could not parse the JSON body of your request.", nullptr,
                            nullptr);
    const auto& fields = body->get_object();
    for (const char* needed : {"model", "input", "voice"}) {
        if (json_read::text(fields, needed).empty())
            return openai_error(400, fmt::format("Missing required parameter: '{}'.", needed),
                                needed, "missing_required_parameter");
    }
    SpeechWanted wanted{.text = json_read::text(fields, "input"), .format = {}, .content_type = {}};
    if (wanted.text.size() > openai_text_max)
        return openai_error(400, "Invalid 'input': string too long.", "input",
                            "string_above_max_length");
    const auto voice = json_read::text(fields, "voice");
    if (std::find(openai_voices.begin(), openai_voices.end(), voice) == openai_voices.end())
        return openai_error(400, fmt::format("Invalid value: '{}'.", shortened(voice, 60)), "voice",
                            "invalid_value");
    wanted.format = json_read::string(fields, "response_format").value_or("mp3");
    if (wanted.format == "mp3") wanted.content_type = "audio/mpeg";
    if (wanted.format == "opus") wanted.content_type = "audio/ogg";
    if (wanted.format == "wav") wanted.content_type = "audio/wav";
    if (wanted.format == "flac") wanted.content_type = "audio/flac";
    if (wanted.format == "pcm") wanted.content_type = "audio/pcm";
    if (wanted.content_type.empty())
        return openai_error(400, fmt::format("Invalid value: '{}'.", shortened(wanted.format, 60)),
                            "response_format", "invalid_value");
    return wanted;
}

Answer elevenlabs(const net::Request& request, const std::string& api_key) {
    const auto key = request.headers.get("xi-api-key").value_or("");
    if (key.empty() || (!api_key.empty() && key != api_key))
        return elevenlabs_error(401, "invalid_api_key", "Invalid API key");
    const auto body = json_read::parse(request.body);
    if (!body || !body->is_object() || json_read::text(body->get_object(), "text").empty())
        return elevenlabs_error(422, "validation", "Field required: text");
    SpeechWanted wanted{
        .text = json_read::text(body->get_object(), "text"), .format = {}, .content_type = {}};
    if (wanted.text.size() > elevenlabs_text_max)
        return elevenlabs_error(400, "max_character_limit_exceeded", "The text is too long");
    std::string output = "mp3_44100_128";
    for (auto& [name, value] : net::parse_form(request.query())) {
        if (name == "output_format") output = value;
    }
    if (output.starts_with("mp3_")) {
        wanted.format = "mp3";
        wanted.content_type = "audio/mpeg";
        wanted.rate_hz = 44'100;
    } else if (output.starts_with("opus_48000_")) {
        wanted.format = "opus";
        wanted.content_type = "audio/ogg";
        wanted.rate_hz = 48'000;
    } else if (output == "pcm_24000" || output == "pcm_16000" || output == "pcm_8000") {
        wanted.format = "pcm";
        wanted.content_type = "audio/pcm";
        wanted.rate_hz = std::stoi(output.substr(4));
    } else {
        return elevenlabs_error(400, "invalid_output_format", "Unknown output format");
    }
    return wanted;
}

}  // namespace

std::optional<Answer> speech_wanted(const net::Request& request, const std::string& api_key) {
    if (request.method != "POST") return std::nullopt;
    const auto path = request.path();
    if (path == "/v1/audio/speech") return openai(request, api_key);
    if (path.starts_with("/v1/text-to-speech/") && path.ends_with("/stream"))
        return elevenlabs(request, api_key);
    return std::nullopt;
}

}  // namespace parley::sim
