// openai_options.hpp: what the OpenAI engine needs to know, as plain values with a default on every
// field.
#pragma once

#include <parley/call/figures.hpp>
#include <parley/core/text.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <string>

namespace parley::engine {

enum class ModelAudio {
    pcmu,       // the telephone's own G.711 µ-law, passed through untouched
    pcm16_24k,  // resampled both ways
};

// What the model's answers are made of. Written ones are for trying an agent without audio: no
// speech is detected, no audio sent, and barge-in cannot tell the model what was heard.
enum class ModelSpeech { spoken, written };

// USD per million tokens.
struct TokenPrice {
    double text_in = 0, text_cached = 0, text_out = 0;
    double audio_in = 0, audio_cached = 0, audio_out = 0;
};

struct TurnDetectionOptions {
    enum class Type { server_vad, semantic_vad };
    Type type = Type::server_vad;
    double threshold = 0.5;          // server_vad: 0 to 1
    int prefix_padding_ms = 300;     // server_vad
    int silence_duration_ms = 500;   // server_vad
    std::string eagerness = "auto";  // semantic_vad: low, medium, high, auto
    bool interrupts = true;          // the server cancels its response when it hears the caller
};

struct OpenAiOptions {
    Secret api_key;
    std::string base_url = "https://api.openai.com/v1";  // http, https, ws or wss
    std::string model = "gpt-realtime-2.1";
    std::string voice = "marin";
    ModelAudio audio = ModelAudio::pcmu;
    ModelSpeech speech = ModelSpeech::spoken;
    std::string transcription_model = "gpt-transcribe";  // of the caller's words; empty: none
    TurnDetectionOptions turn_detection = {};
    // by model; a model that is missing costs 0
    std::map<std::string, TokenPrice> prices = {};
    // USD per minute of speech, by transcription model
    std::map<std::string, double> transcription_prices = {};

    std::chrono::milliseconds setup_timeout{10'000};  // from the open socket to session.updated
    std::chrono::seconds handshake_timeout{10};
    // the server pings every 20 s even when idle
    std::chrono::seconds idle_timeout{60};
    std::size_t message_bytes_max = 16 * 1024 * 1024;  // server messages have no documented limit
    std::size_t send_queue_bytes_max = 1024 * 1024;    // beyond it the connection is given up
    // Before that, caller audio is left out: a quarter of the queue keeps the rest free for what
    // matters more.
    std::size_t audio_queue_bytes_max = 256 * 1024;
    // in a row; then the connection is given up
    int bad_messages_max = 20;
    call::Figures* figures = nullptr;  // outlives every engine; none: nothing is counted
};

}  // namespace parley::engine
