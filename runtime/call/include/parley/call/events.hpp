// events.hpp: what call::Conversation hears (events) and what it wants done (commands).
//
// Events and commands are plain values. Views (`Bytes`, std::string_view) are valid during the one
// handle() call that receives or returns them; whoever keeps them copies them.
// Item, response and tool-call ids are the engine's own.
#pragma once

#include <parley/core/clock.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parley::call {

using Bytes = std::span<const std::uint8_t>;

// Tokens of one response or transcription, as the provider counts them; cached ones are part of the input ones.
struct Usage {
    std::int64_t input_text_tokens = 0;
    std::int64_t input_audio_tokens = 0;
    std::int64_t cached_text_tokens = 0;
    std::int64_t cached_audio_tokens = 0;
    std::int64_t output_text_tokens = 0;
    std::int64_t output_audio_tokens = 0;
    double audio_seconds = 0;  // of a transcription that is billed by time
    double cost_usd = 0;  // by the price table in the settings; 0 for a model it does not list
};

// One finished utterance, for replaying a conversation to a new engine connection.
struct Turn {
    enum class Speaker { caller, agent, system };
    Speaker speaker = Speaker::caller;
    std::string text;  // of the agent only what the caller heard
};

// ---- from the caller's side -----------------------------------------------------------------

struct CallerAttached {};                            // the channel is up: audio may flow both ways
struct CallerAudio { Bytes audio; };                 // in the channel's format, gaps already filled
struct DtmfPressed { char digit = 0; };              // 0-9 * # A-D
struct MarkPlayed { std::uint32_t mark = 0; };       // the caller has heard everything up to this mark, or a clear flushed it
struct CallerGone {
    enum class How { hung_up, lost } how = How::hung_up;
    std::string detail = {};
};

// ---- from the model's side ------------------------------------------------------------------

struct EngineReady { std::optional<TimePoint> expires_at = {}; };  // configured and, when asked, history replayed
struct CallerSpeechStarted { std::string item_id; };
struct CallerSpeechStopped { std::string item_id; };
struct CallerTranscribed {                           // may come after the answer has begun
    std::string item_id;
    std::string text;
    std::optional<Usage> usage = {};                  // of writing it down; a model of its own does that
};
struct ResponseStarted { std::string response_id; };
struct AgentAudio {                                  // in the channel's format
    std::string_view response_id;
    std::string_view item_id;
    int content_index = 0;
    Bytes audio;
};
struct AgentText { std::string_view response_id; std::string_view item_id; std::string_view delta; };
struct AgentItemDone { std::string response_id; std::string item_id; std::string text; };  // text: the whole transcript, may be empty
struct ToolCalled { std::string response_id; std::string tool_call_id; std::string name; std::string arguments; };  // arguments: JSON text
struct ResponseDone {
    enum class Status { completed, cancelled, incomplete, failed };
    std::string response_id;
    Status status = Status::completed;
    std::string detail = {};                          // "turn_detected", "rate_limit_exceeded: ..."
    bool may_retry = false;                           // of a failed one
    std::optional<milliseconds> retry_after = {};     // the provider's wish, where it gave one
    std::optional<Usage> usage = {};
};
struct EngineProblem { std::string code; std::string message; };  // the session goes on; worth a journal line
struct EngineLost { std::string reason; bool may_retry = true; };

// ---- from the script and the tools ----------------------------------------------------------

struct AgentPrepared { std::string greeting; };       // the script is ready; an empty greeting: the caller speaks first
struct AgentUnavailable { std::string what; };        // the script failed before the call began

struct ToolFinished {
    std::string tool_call_id;
    bool ok = true;
    std::string output;                               // JSON text for the model
};
struct OutcomeSet { std::string outcome; };           // snake_case
struct HangUpAsked {};                                // by the agent: after what is being said has been heard
struct TextInjected { std::string text; bool respond = true; };  // a fact for the model, as a system message

// ---- from the runtime -----------------------------------------------------------------------

struct AlarmRang {};                                  // the deadline of next_alarm() has passed
struct DrainAsked {};                                 // the process wants to stop: wrap up now

using Event = std::variant<CallerAttached, CallerAudio, DtmfPressed, MarkPlayed, CallerGone, EngineReady, CallerSpeechStarted,
                           CallerSpeechStopped, CallerTranscribed, ResponseStarted, AgentAudio, AgentText, AgentItemDone, ToolCalled,
                           ResponseDone, EngineProblem, EngineLost, AgentPrepared, AgentUnavailable, ToolFinished, OutcomeSet, HangUpAsked, TextInjected, AlarmRang,
                           DrainAsked>;

// Whoever takes events in: the Session. Called on the call's io thread.
class EventSink {
 public:
    virtual ~EventSink() = default;
    virtual void on(const Event& event) = 0;
};

// ---- commands -------------------------------------------------------------------------------

struct Play { Bytes audio; };                          // whole 20 ms frames
struct SendMark { std::uint32_t mark = 0; };
struct ClearPlayback {};
struct HangUp {};

struct OpenEngine { std::vector<Turn> history; };      // connect; while an earlier connection works it serves until the new one is ready
struct AppendAudio { Bytes audio; };
struct Respond { std::string instructions; };          // empty: answer as the conversation stands
struct CancelResponse {};
struct Truncate { std::string item_id; int content_index = 0; std::int64_t audio_end_ms = 0; };
struct SendToolOutput { std::string tool_call_id; std::string output; };
struct InjectText { Turn turn; };

struct RunTool { std::string tool_call_id; std::string name; std::string arguments; };

struct Finish { std::string outcome; std::string reason; };  // the last command: close everything

using Command = std::variant<Play, SendMark, ClearPlayback, HangUp, OpenEngine, AppendAudio, Respond, CancelResponse, Truncate,
                             SendToolOutput, InjectText, RunTool, Finish>;

}  // namespace parley::call
