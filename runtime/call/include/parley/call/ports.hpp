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
    std::string agent;  // the name under `agents:` in the settings
    std::string channel = "twilio";
    WallTime started_at = {};
    std::string direction = "inbound";
    // What the carrier has said to the caller already; the agent then does not greet. Empty: nothing.
    std::string greeted_with = {};
    json::object vars = {};  // of this call alone, over the agent's own
    // The other party: who called, or who is called.
    const std::string& other_party() const { return direction == "outbound" ? to : from; }
    // What the call was routed by and keeps to its end: one generation of scripts and settings.
    // Only app looks into it.
    std::shared_ptr<const void> basis = {};
};

// The caller's side. Events out of it: CallerAudio, DtmfPressed, MarkPlayed, CallerGone,
// TransferEnded.
class Channel {
 public:
    virtual ~Channel() = default;
    virtual void play(Bytes audio) = 0;  // whole 20 ms frames, in the channel's format
    virtual void mark(std::uint32_t mark) = 0;
    // silence at once; outstanding marks count as cancelled
    virtual void clear() = 0;
    // at once: the caller of this has waited for the last mark
    virtual void hang_up() = 0;
    // Hands the caller over. TransferEnded follows, or CallerGone; when the caller comes back it is
    // with a channel of its own (Session::attach). False: this line cannot be handed over.
    virtual bool transfer(const Transfer& /*transfer*/) { return false; }
    // the carrier's name for this stream of audio, if it has one
    virtual std::string id() const { return {}; }
};

// When the caller's turn has begun and ended. What is not set goes by the engine's own settings.
struct TurnTaking {
    std::string type = {};  // server_vad or semantic_vad
    std::optional<double> threshold = {};
    std::optional<int> prefix_padding_ms = {};
    std::optional<int> silence_ms = {};
    std::string eagerness = {};  // of semantic_vad: low, medium, high, auto
};

// Who answers: everything the engine needs to know of the agent, and how the call is to be led.
struct AgentProfile {
    std::string name;
    std::string instructions;
    std::string greeting;  // spoken first; empty: the caller speaks first
    // BCP 47 or ISO 639-1, for transcription; empty: the model's guess
    std::string language;
    std::string voice;  // empty: the engine's setting
    std::string model;  // empty: the engine's setting
    json::array tools;  // {"type":"function","name","description","parameters"}
    TurnTaking turn_taking = {};
    // For the answering machine of somebody who is called; empty: no message.
    std::string voicemail = {};
    AgentPrepared rules = {};  // for the Conversation; its greeting is the one above
};

// The model's side. Events out of it: EngineReady ... EngineLost.
class Engine {
 public:
    virtual ~Engine() = default;
    // Connects and configures; then EngineReady or EngineLost. May be called again at any time: the
    // earlier connection, if it still works, serves until the new one is ready.
    virtual void open(const AgentProfile& profile, const std::vector<Turn>& history) = 0;
    // in the channel's format; dropped and counted until ready
    virtual void append(Bytes audio) = 0;
    // at most one waits while a response is active
    virtual void respond(std::string_view instructions) = 0;
    // the active response, and what was asked for
    virtual void cancel() = 0;
    // only what was asked for and has not begun
    virtual void withdraw() = 0;
    virtual void truncate(std::string_view item_id, int content_index,
                          std::int64_t audio_end_ms) = 0;
    virtual void tool_output(std::string_view tool_call_id, std::string_view output) = 0;
    virtual void inject(const Turn& turn) = 0;
    // from now on, in place of the profile's
    virtual void offer_tools(const json::array& tools) = 0;
    // The agent goes on with other scripts: its instructions and tools count from the next response
    // on.
    virtual void revise(const AgentProfile& /*profile*/) {}
};

// The agent's script and its tools. Events out of it: from ToolsOffered to KeyAnswered.
class Agent {
 public:
    virtual ~Agent() = default;
    // Runs the script's on_start, which may look things up. `done` is called once, never inside
    // prepare().
    virtual void prepare(std::function<void(Checked<AgentProfile>)> done) = 0;
    // `done` is called once, never inside run_tool(), whatever the tool does: its own limits see to
    // that.
    virtual void run_tool(const RunTool& tool, std::function<void(ToolFinished)> done) = 0;
    // What the agent's hooks are for. Hooks run one at a time, in order, off the audio path; none
    // runs inside tell().
    virtual void tell(const News& news) = 0;
    // Goes on with newer scripts, if there are any, once no handler runs; `done` then gets the new
    // profile. It is not called when there is nothing newer.
    virtual void adopt(std::function<void(Checked<AgentProfile>)> /*done*/) {}
    // The call is over; tools and hooks still running are given up. The agent has its last word:
    // `done` is called once, with the fields it wants kept, at the latest after a limit of its own;
    // perhaps inside ended(). Of its events only NoteTaken and MessageTold count from now on.
    virtual void ended(const Finish& ending, std::function<void(json::object)> done) = 0;
};

}  // namespace parley::call
