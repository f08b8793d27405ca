// speech_api.hpp: what the fake provider makes of a request for speech: OpenAI's POST
// /v1/audio/speech and ElevenLabs' POST /v1/text-to-speech/VOICE/stream.
//
// Sans-I/O: the words are spoken elsewhere.
#pragma once

#include <parley/net/http.hpp>

#include <optional>
#include <string>
#include <variant>

namespace parley::sim {

struct SpeechWanted {
    std::string text;
    std::string format;  // as parley::voice::encode() knows it
    std::string content_type;
    int rate_hz = 24'000;
};

// Nothing: the request is for something else. A response: it is refused, as the provider would.
// `api_key`: as in OpenAiServer::Options.
std::optional<std::variant<SpeechWanted, net::Response>> speech_wanted(const net::Request& request,
                                                                       const std::string& api_key);

}  // namespace parley::sim
