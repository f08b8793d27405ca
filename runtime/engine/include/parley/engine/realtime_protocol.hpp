// realtime_protocol.hpp: the words of the OpenAI Realtime protocol (GA): server events read, client
// events built.
//
// parse_event() accepts whatever a server may send: unknown events and fields are ignored, wrong
// types of the fields that matter give Malformed. scan_audio_delta() is the short cut for the one
// event that comes fifty times a second: it reads the message in place, builds nothing, and
// declines whatever is unusual.
//
// All functions are free of state and I/O, and never throw on bad input.
#pragma once

#include <parley/call/ports.hpp>
#include <parley/engine/openai_options.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parley::engine::realtime {

// ---- server events ----------------------------------------------------------------------------

// Key of our metadata in response.create (a response may have 16 such pairs).
constexpr std::string_view create_id_key = "parley_create";

constexpr std::size_t id_bytes_max = 512;  // real ones have about 25; a longer one is Malformed

struct AudioFormat {
    std::string type;                       // "audio/pcmu"; empty where the server did not say
    std::optional<std::int64_t> rate = {};  // Hz, of audio/pcm

    std::string text() const;  // for people
};

struct SessionCreated {
    std::optional<std::int64_t> expires_at = {};
};  // Unix seconds
struct SessionUpdated {
    AudioFormat input;
    AudioFormat output;
    std::optional<std::int64_t> expires_at = {};
};
// event_id: of our event it answers, or ""
struct ServerError {
    std::string type, code, message, param, event_id;
};
struct SpeechStarted {
    std::string item_id;
};  // of the utterance to come; may be empty
struct SpeechStopped {
    std::string item_id;
};
struct Transcribed {
    std::string item_id, text;
    std::optional<call::Usage> usage = {};  // without cost
};
struct TranscriptionFailed {
    std::string item_id, code, message;
};
struct ResponseCreated {
    std::string response_id;
    std::string create_id = {};  // of the response.create it answers, if the server tells
};
struct AudioDelta {
    std::string response_id, item_id;
    int content_index = 0;
    std::string base64;
};
struct AudioDone {
    std::string response_id, item_id;
    int content_index = 0;
};
// of what is spoken, or of a text answer
struct TextDelta {
    std::string response_id, item_id, delta;
};
struct TextDone {
    std::string response_id, item_id, text;
};
struct OutputItem {
    enum class Kind { message, function_call, other };
    Kind kind = Kind::other;
    std::string id;
    std::string status;                    // completed, incomplete, in_progress; may be empty
    std::string text;                      // of a message: its parts' transcripts in order
    std::string call_id, name, arguments;  // of a function call
};
struct OutputItemDone {
    std::string response_id;
    OutputItem item;
};
// of a function call; OutputItemDone follows, as a rule
struct ArgumentsDone {
    std::string response_id;
    OutputItem item;
};
struct ResponseFinished {
    std::string response_id;
    call::ResponseDone::Status status = call::ResponseDone::Status::completed;
    // of a cancelled or incomplete one: turn_detected, max_output_tokens ...
    std::string reason;
    std::string error_type, error_code, error_message;  // of a failed one
    std::optional<call::Usage> usage = {};              // without cost
    std::vector<OutputItem> function_calls;
};
struct Ignored {};  // of no interest, or unknown
struct Malformed {
    std::string what;
};

using ServerEvent =
    std::variant<Ignored, Malformed, SessionCreated, SessionUpdated, ServerError, SpeechStarted,
                 SpeechStopped, Transcribed, TranscriptionFailed, ResponseCreated, AudioDelta,
                 AudioDone, TextDelta, TextDone, OutputItemDone, ArgumentsDone, ResponseFinished>;

ServerEvent parse_event(std::string_view text);

// Views into the scanned text.
struct AudioDeltaView {
    std::string_view response_id, item_id;
    int content_index = 0;
    std::string_view base64;
};
// The audio delta in `text`, or nothing when it is another event or in any way out of the ordinary:
// then parse_event() decides. What it does return is what parse_event() would have returned.
std::optional<AudioDeltaView> scan_audio_delta(std::string_view text);

// The wait the provider asks for in "... Please try again in 6.946s." (also "120ms", "1m12s"), at
// most an hour.
std::optional<milliseconds> retry_delay(std::string_view message);

// Cost by the provider's formula: cached tokens are part of the input tokens, at a price of their
// own.
double cost_usd(const call::Usage& usage, const TokenPrice& price);
// Of a transcription, from its seconds, or where only tokens are counted from those: ten of audio
// are a second.
double transcription_cost_usd(const call::Usage& usage, double price_per_minute);

// ---- what errors and closes mean --------------------------------------------------------------

enum class Severity {
    benign,   // a race the protocol cannot avoid
    problem,  // our mistake or the provider's; the session goes on
    expired,  // this session is over; a new one will do
    fatal,    // a key, model or account that will be refused again
};
Severity severity_of(const ServerError& error);
// The same table for the error inside a failed response.
bool may_retry_response(std::string_view type, std::string_view code);

// After a close with this code a new connection may work.
bool may_reconnect_after_close(std::uint16_t code);
// After an upgrade refused with this HTTP status a new attempt may work.
bool may_reconnect_after_status(int http_status);
// What an operator should look at when a handshake was refused with it.
std::string_view remedy_for_status(int http_status);

// ---- client events ----------------------------------------------------------------------------

struct SessionSetup {
    std::string voice;
    ModelAudio audio = ModelAudio::pcmu;
    std::string transcription_model;  // empty: none
    std::string language;             // of the transcription; empty: its guess
    TurnDetectionOptions turn_detection = {};
    std::string instructions;
    json::array tools;
    ModelSpeech speech = ModelSpeech::spoken;
};

// Appends `text` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Replaces `out`: the one message of the audio path, built without allocation once `out` has grown.
void build_append(std::string& out, call::Bytes audio);

std::string session_update(std::string_view event_id, const SessionSetup& setup);
// everything else stays
std::string tools_update(std::string_view event_id, const json::array& tools);
// likewise
std::string agent_update(std::string_view event_id, std::string_view instructions,
                         const json::array& tools);
std::string create_text_item(std::string_view event_id, const call::Turn& turn);
std::string create_tool_output(std::string_view event_id, std::string_view call_id,
                               std::string_view output);
// instructions "": the session's own. The event id travels along as metadata, which the server
// repeats in response.created.
std::string create_response(std::string_view event_id, std::string_view instructions);
// "": the active one
std::string cancel_response(std::string_view event_id, std::string_view response_id);
std::string truncate_item(std::string_view event_id, std::string_view item_id, int content_index,
                          std::int64_t audio_end_ms);

// Whether the server took the format that was asked for. One it does not name counts as taken.
bool is_accepted(ModelAudio wanted, const AudioFormat& echoed);
std::size_t bytes_per_ms(ModelAudio audio);

}  // namespace parley::engine::realtime
