// ports.hpp: the three sides that meet in a call. Every adapter sits behind one of them.
//
// Thread: all calls on the call's io thread, and so are the events they send.
// End:    destroying an adapter ends its connection and stops its events at once.
#pragma once

#include <parley/call/events.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::call {

// Who calls whom. Numbers as the carrier gives them (E.164, or words such as "anonymous").
struct CallInfo {
    std::string call_sid;
    std::string from;
    std::string to;
    std::string agent;            // the name under `agents:` in the settings
    std::string channel = "twilio";
    WallTime started_at = {};
    // What the call was routed by and keeps to its end: one generation of scripts and settings. Only app looks into it.
    std::shared_ptr<const void> basis = {};
};

// The caller's side. Events out of it: CallerAudio, DtmfPressed, MarkPlayed, CallerGone.
class Channel {
 public:
    virtual ~Channel() = default;
    virtual void play(Bytes audio) = 0;       // whole 20 ms frames, in the channel's format
    virtual void mark(std::uint32_t mark) = 0;
    virtual void clear() = 0;                 // silence at once; outstanding marks count as cancelled
    virtual void hang_up() = 0;               // at once: the caller of this has waited for the last mark
};

// Who answers: everything the engine needs to know of the agent.
struct AgentProfile {
    std::string name;
    std::string instructions;
    std::string greeting;         // spoken first; empty: the caller speaks first
    std::string language;         // BCP 47 or ISO 639-1, for transcription; empty: the model's guess
    std::string voice;            // empty: the engine's setting
    std::string model;            // empty: the engine's setting
    json::array tools;            // {"type":"function","name","description","parameters"}
};

// The model's side. Events out of it: EngineReady ... EngineLost.
class Engine {
 public:
    virtual ~Engine() = default;
    // Connects and configures; then EngineReady or EngineLost. May be called again at any time: the earlier
    // connection, if it still works, serves until the new one is ready.
    virtual void open(const AgentProfile& profile, const std::vector<Turn>& history) = 0;
    virtual void append(Bytes audio) = 0;     // in the channel's format; dropped and counted until ready
    virtual void respond(std::string_view instructions) = 0;  // at most one waits while a response is active
    virtual void cancel() = 0;
    virtual void truncate(std::string_view item_id, int content_index, std::int64_t audio_end_ms) = 0;
    virtual void tool_output(std::string_view tool_call_id, std::string_view output) = 0;
    virtual void inject(const Turn& turn) = 0;
};

// The agent's script and its tools. Events out of it: OutcomeSet, HangUpAsked, TextInjected.
class Agent {
 public:
    virtual ~Agent() = default;
    // Runs the script's on_start, which may look things up. `done` is called once, never inside prepare().
    virtual void prepare(std::function<void(Checked<AgentProfile>)> done) = 0;
    // `done` is called once, never inside run_tool(), whatever the tool does: its own limits see to that.
    virtual void run_tool(const RunTool& tool, std::function<void(ToolFinished)> done) = 0;
    // The call is over; tools still running are given up.
    virtual void ended(std::string_view outcome, std::string_view reason) = 0;
};

}  // namespace parley::call
