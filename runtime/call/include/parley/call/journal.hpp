// journal.hpp: everything noteworthy about a call, as typed events that flow one way.
//
// Subscribers (the store, the live view, metrics) get each entry once, in the order of the call. In
// JSON every entry is {"type": ..., "at_ms": ..., "call_sid": ..., ...fields}; times are Unix
// milliseconds.
#pragma once

#include <parley/call/events.hpp>
#include <parley/core/json.hpp>
#include <parley/privacy/masker.hpp>

#include <string>
#include <variant>

namespace parley::call::journal {

struct CallStarted {
    std::string from;
    std::string to;
    std::string agent;
    std::string channel;
    std::string direction = "inbound";  // or outbound: we called

    const std::string& other_party() const { return direction == "outbound" ? to : from; }
};
struct CallerSaid {
    std::string item_id;
    std::string text;
};
struct AgentSaid {
    std::string item_id;
    std::string heard;    // what the caller heard
    std::string unheard;  // what was cut off; empty unless interrupted
    std::int64_t heard_ms = 0;
    std::int64_t received_ms = 0;
    bool interrupted = false;
};
struct Interrupted {
    std::string item_id;
    std::int64_t heard_ms = 0;
    std::int64_t received_ms = 0;
};
struct ToolStarted {
    std::string tool_call_id;
    std::string name;
    std::string arguments;
};
struct ToolReturned {
    std::string tool_call_id;
    std::string name;
    bool ok = true;
    std::string output;
    std::int64_t duration_ms = 0;
};
struct DtmfReceived {};  // the digit itself may be card data and is not kept
// From the end of the caller's speech as the model reports it: to the first audio from the model,
// and to the caller's line.
struct TurnLatency {
    std::int64_t model_ms = 0;
    std::int64_t first_audio_ms = 0;
};
struct UsageCounted {  // of a response, or of writing down what the caller said
    std::string response_id;
    Usage usage;
    std::string item_id = {};  // of a transcription; response_id is then empty
    double call_cost_usd = 0;  // of the call up to here
};
// To whom the caller is put through.
struct TransferStarted {
    std::string to;
    bool is_briefed = false;
};
struct TransferEnded {
    std::string how;  // answered, no_answer, busy, declined, failed
    std::string detail = {};
    std::int64_t duration_ms = 0;  // since it began
};
struct HoldStarted {};
struct HoldEnded {
    std::int64_t duration_ms = 0;
};
struct DigitsSent {
    int count = 0;  // the digits themselves may be an account's
};
// The notice was heard before anything was kept: `at` is when it had been.
struct RecordingStarted {
    std::string notice;
};
struct RecordingStopped {};
// A text message went out, or did not.
struct MessageSent {
    std::string to;
    bool ok = true;
    std::string detail = {};  // the carrier's id, or why not
};
// The model can speak for the first time in this call.
struct ProviderReady {
    std::int64_t ready_ms = 0;  // since it was connected to
};
struct ProviderLost {
    std::string reason;
};
// planned: rotated before the session limit
struct ProviderRestored {
    std::int64_t gap_ms = 0;
    bool planned = false;
};
struct Problem {
    std::string what;
    std::string detail;
};
struct Note {
    std::string text;
    json::object fields;
};  // by the agent's script
struct CallEnded {
    std::string outcome;
    std::string reason;
    std::int64_t duration_ms = 0;
};
// what the agent's script makes of the call, after its end
struct Summary {
    json::object fields;
};

using Event =
    std::variant<CallStarted, CallerSaid, AgentSaid, Interrupted, ToolStarted, ToolReturned,
                 DtmfReceived, TransferStarted, TransferEnded, HoldStarted, HoldEnded, DigitsSent,
                 RecordingStarted, RecordingStopped, MessageSent, TurnLatency, UsageCounted,
                 ProviderReady, ProviderLost, ProviderRestored, Problem, Note, CallEnded, Summary>;

struct Entry {
    std::string call_sid;
    WallTime at;  // when it happened: for CallerSaid the start of the speech
    Event event;
};

// "caller_said", "tool_returned", ...: the `type` in JSON.
std::string_view type_name(const Event& event);
// The fields alone, without type, time and call.
json::object fields(const Event& event);
// What callers, models, tools and scripts said, without what must not be kept. Names, numbers called
// and ids stay.
Event masked(Event event, const privacy::Masker& masker);

class Subscriber {
 public:
    virtual ~Subscriber() = default;
    // From any io thread; must not block.
    virtual void on_entry(const Entry& entry) = 0;
};

}  // namespace parley::call::journal
