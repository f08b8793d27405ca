// session_settings.hpp: the session object of the simulated Realtime server: defaults, validation,
// merge.
//
// An update is a patch: only the fields present change, nested objects merge, and one invalid field
// rejects all of it. Pure; no time, no I/O.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace parley::sim {

// What goes into an `error` event.
struct ApiError {
    std::string code;  // empty: null
    std::string message;
    std::string param = {};  // empty: null
    std::string type = "invalid_request_error";
};

enum class AudioFormat { pcm24k, pcmu, pcma };
std::size_t bytes_per_ms(AudioFormat format);
int sample_rate_hz(AudioFormat format);

struct TurnDetection {
    double threshold = 0.5;
    milliseconds prefix_padding{300};
    milliseconds silence{200};
    bool create_response = true;
    bool interrupt_response = true;
    std::optional<milliseconds> idle_timeout = {};
};

class SessionSettings {
 public:
    SessionSettings(std::string id, std::string model, std::int64_t expires_at_s);

    // The full session, as in session.created and session.updated.
    const json::object& object() const { return session_; }

    // What depends on the moment of the update.
    struct Moment {
        bool has_spoken = false;     // the model has produced audio: the voice is fixed
        bool is_responding = false;  // the speed is fixed meanwhile
    };
    // Applies the patch, or returns what is wrong with it and changes nothing.
    std::optional<ApiError> update(const json::object& patch, Moment moment);

    AudioFormat input_format() const;
    AudioFormat output_format() const;
    std::optional<TurnDetection> turn_detection() const;  // nothing: the client commits by itself
    bool transcribes() const;
    bool outputs_text() const;
    std::string instructions() const;
    std::string model() const;

 private:
    json::object session_;
};

// The checks that response.create shares with session.update. `path` is for messages:
// "response.tools".
std::optional<ApiError> check_tools(const json::value& tools, const std::string& path);
std::optional<ApiError> check_format(const json::value& format, const std::string& path);
std::optional<AudioFormat> format_named(const json::value* format);

}  // namespace parley::sim
