#include "wiring.hpp"

namespace parley::app {

engine::OpenAiOptions engine_options(const config::OpenAiSettings& settings) {
    engine::OpenAiOptions options;
    options.api_key = settings.api_key;
    options.base_url = settings.base_url;
    options.model = settings.model;
    options.voice = settings.voice;
    options.audio =
        settings.audio == "pcm16_24k" ? engine::ModelAudio::pcm16_24k : engine::ModelAudio::pcmu;
    options.transcription_model = settings.transcription_model;
    options.turn_detection.type = settings.turn_detection.type == "semantic_vad"
                                      ? engine::TurnDetectionOptions::Type::semantic_vad
                                      : engine::TurnDetectionOptions::Type::server_vad;
    options.turn_detection.threshold = settings.turn_detection.threshold;
    options.turn_detection.prefix_padding_ms = settings.turn_detection.prefix_padding_ms;
    options.turn_detection.silence_duration_ms = settings.turn_detection.silence_duration_ms;
    options.turn_detection.eagerness = settings.turn_detection.eagerness;
    for (const auto& [model, price] : settings.prices) {
        options.prices[model] = {price.text_in,  price.text_cached,  price.text_out,
                                 price.audio_in, price.audio_cached, price.audio_out};
    }
    options.transcription_prices = settings.transcription_prices;
    return options;
}

call::Policy call_policy(const config::CallSettings& settings) {
    call::Policy policy;
    policy.duration_max = settings.duration_max;
    policy.filler_after = settings.filler_after;
    policy.silence_before_prompt = settings.silence_before_prompt;
    policy.silence_prompts_max = settings.silence_prompts_max;
    return policy;
}

Checked<telephony::TwilioService::Options> twilio_options(const config::Settings& settings,
                                                          std::size_t io_threads) {
    using telephony::TwilioService;
    TwilioService::Options options;
    options.public_url = settings.server.public_url;
    options.signatures = settings.twilio.validate_signatures ? TwilioService::Signatures::required
                                                             : TwilioService::Signatures::ignored;
    if (!settings.twilio.auth_token.empty())
        options.auth_tokens.push_back(settings.twilio.auth_token);
    options.account_sid = settings.twilio.account_sid;
    options.listening_port = settings.server.port;
    options.io_threads = io_threads;
    options.paths.clear();
    for (const auto& path : settings.twilio.paths) {
        options.paths.push_back({path.voice,
                                 path.stream,
                                 path.methods,
                                 {path.greeting, path.greeting_voice, path.greeting_language}});
    }
    const auto& account = settings.twilio;
    const bool has_key = !account.api_key.empty() && !account.api_secret.empty();
    if (!account.account_sid.empty() && (!account.auth_token.empty() || has_key)) {
        auto rest = telephony::TwilioRest::make({.base_url = account.base_url,
                                                 .region = account.region,
                                                 .edge = account.edge,
                                                 .account_sid = account.account_sid,
                                                 .auth_token = account.auth_token,
                                                 .api_key = account.api_key,
                                                 .api_secret = account.api_secret});
        if (!rest) return rest.error();
        options.rest = *rest;
    }
    return options;
}

}  // namespace parley::app
