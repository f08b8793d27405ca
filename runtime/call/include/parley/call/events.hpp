// events.hpp: what call::Conversation hears (events) and what it wants done (commands).
//
// Events and commands are plain values. Views (`Bytes`, std::string_view) are valid during the one
// handle() call that receives or returns them; whoever keeps them copies them.
// Item, response and tool-call ids are the engine's own.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parley::call {

using Bytes = std::span<const std::uint8_t>;

// Tokens of one response or transcription, as the provider counts them; cached ones are part of the
// input ones.
struct Usage {
    std::int64_t input_text_tokens = 0;
    std::int64_t input_audio_tokens = 0;
    std::int64_t cached_text_tokens = 0;
    std::int64_t cached_audio_tokens = 0;
    std::int64_t output_text_tokens = 0;
    std::int64_t output_audio_tokens = 0;
    double audio_seconds = 0;  // of a transcription that is billed by time
    double cost_usd = 0;       // by the price table in the settings; 0 for a model it does not list
};

// One finished utterance, for replaying a conversation to a new engine connection.
struct Turn {
    enum class Speaker { caller, agent, system };
    Speaker speaker = Speaker::caller;
    std::string text;  // of the agent only what the caller heard
};

// ---- from the caller's side -----------------------------------------------------------------

struct CallerAttached {};  // the channel is up: audio may flow both ways
struct CallerAudio {
    Bytes audio;
};  // in the channel's format, gaps already filled
struct DtmfPressed {
    char digit = 0;
};  // 0-9 * # A-D
// the caller has heard everything up to this mark, or a clear flushed it
struct MarkPlayed {
    std::uint32_t mark = 0;
};
struct CallerGone {
    enum class How { hung_up, lost } how = How::hung_up;
    std::string detail = {};
};

// A transfer is over. Unless the other one has spoken with the caller, the agent goes on with the
// call: at once, or when CallerAttached follows.
struct TransferEnded {
    // answered: they have spoken, and the call is over. declined: the one who answered would not
    // take it. failed: the carrier could not do it; `detail` says why.
    enum class How { answered, no_answer, busy, declined, failed } how = How::no_answer;
    std::string detail = {};
};

// ---- from the model's side ------------------------------------------------------------------

// configured and, when asked, history replayed
struct EngineReady {
    std::optional<TimePoint> expires_at = {};
};
struct CallerSpeechStarted {
    std::string item_id;
};
struct CallerSpeechStopped {
    std::string item_id;
};
struct CallerTranscribed {  // may come after the answer has begun
    std::string item_id;
    std::string text;
    // of writing it down; a model of its own does that
    std::optional<Usage> usage = {};
};
struct ResponseStarted {
    std::string response_id;
    // False: the server answers by itself, and what was asked for is still to come. A server that
    // does not tell counts as answering what was asked for.
    bool is_asked_for = true;
};
struct AgentAudio {  // in the channel's format
    std::string_view response_id;
    std::string_view item_id;
    int content_index = 0;
    Bytes audio;
};
struct AgentText {
    std::string_view response_id;
    std::string_view item_id;
    std::string_view delta;
};
// text: the whole transcript, may be empty
struct AgentItemDone {
    std::string response_id;
    std::string item_id;
    std::string text;
};
// arguments: JSON text
struct ToolCalled {
    std::string response_id;
    std::string tool_call_id;
    std::string name;
    std::string arguments;
};
struct ResponseDone {
    enum class Status { completed, cancelled, incomplete, failed };
    std::string response_id;
    Status status = Status::completed;
    std::string detail = {};                       // "turn_detected", "rate_limit_exceeded: ..."
    bool may_retry = false;                        // of a failed one
    std::optional<milliseconds> retry_after = {};  // the provider's wish, where it gave one
    std::optional<Usage> usage = {};
};
// the session goes on; worth a journal line
struct EngineProblem {
    std::string code;
    std::string message;
};
struct EngineLost {
    std::string reason;
    bool may_retry = true;
};

// ---- from the script and the tools ----------------------------------------------------------

// What the agent wants to be told of. What it does not want costs nothing.
struct Hooks {
    bool caller_said = false;
    bool agent_said = false;
    bool interrupted = false;
    bool dtmf = false;
    bool silence = false;   // then it asks a silent caller itself
    bool returned = false;  // then the model is not told of a transfer that failed
};
// How one tool wants to be run.
struct ToolOptions {
    milliseconds timeout{10'000};  // its own deadline, which the agent keeps
    // spoken when a run takes longer than slow_after; empty: nothing
    std::string slow_phrase = {};
    milliseconds slow_after{1'500};
    // what to ask the caller before a run; empty: nothing
    std::string confirm = {};
    bool is_idempotent = false;  // a broken run may be done once more
    // may use its whole timeout when the caller has gone
    bool runs_after_hang_up = false;
};
// the script is ready; again: it goes on with a newer one
struct AgentPrepared {
    std::string greeting;                                        // empty: the caller speaks first
    std::map<std::string, ToolOptions, std::less<>> tools = {};  // those with options of their own
    Hooks hooks = {};
    std::optional<milliseconds> silence_before_prompt = {};  // instead of the policy's
    enum class Interruptions { allowed, ignored } interruptions = Interruptions::allowed;
};
struct AgentUnavailable {
    std::string what;
};  // the script failed before the call began

struct ToolFinished {
    // none: a result. refused: never begun, the model's mistake. gave_up: the tool said that it
    // cannot. error: in the script. timeout: its deadline. broken: a limit of the VM, or no VM; a
    // fresh one may do.
    enum class Failure { none, refused, gave_up, error, timeout, broken };
    std::string tool_call_id;
    bool ok = true;
    std::string output;  // JSON text for the model
    Failure failure = Failure::none;
};
// what the model may call from now on has changed
struct ToolsOffered {
    json::array tools;
};
struct OutcomeSet {
    std::string outcome;
};  // snake_case
// by the agent: after what is being said has been heard
struct HangUpAsked {};
// a fact for the model, as a system message
struct TextInjected {
    std::string text;
    bool respond = true;
};
// the agent's voice says exactly this; SayDone follows
struct SayAsked {
    std::uint64_t say_id = 0;
    std::string text;
};
struct ModelAsked {
    std::string instructions;
};  // the model speaks now, under these
struct NoteTaken {
    std::string text;
    json::object fields;
};  // for the journal
// The caller is to be put through to somebody else.
struct Transfer {
    std::string to;  // E.164
    // Said to whoever answers, before the caller is put through: they press 1 to take the call.
    // Empty: the caller is put through at once.
    std::string briefing = {};
    std::chrono::seconds ring_limit{20};
};
// After what is being said, and after these words of the agent, the line is handed over.
struct TransferAsked {
    Transfer transfer;
    std::string words = {};     // empty: none
    bool is_operators = false;  // a person has asked for it, not the script
};
// The caller hears music instead of the agent, and the agent nothing; or goes on.
struct HoldAsked {
    bool is_on = true;
};
// Tones for a machine on the line, after what is being said. 0-9 * # A-D, w is a pause of 0.5 s.
struct DigitsAsked {
    std::string digits;
};
// What is said from now on is kept, or no longer. The notice has been heard.
struct RecordingAsked {
    bool is_on = true;
    std::string notice = {};
};
// The script has sent a text message, or could not; for the journal.
struct MessageTold {
    std::string to;
    bool ok = true;
    std::string detail = {};  // the carrier's id, or why not
};
// The agent's answer to a KeyPressed; `is_handled`: the model is not told of the key.
struct KeyAnswered {
    std::uint64_t key_id = 0;
    bool is_handled = false;
};

// ---- from the runtime -----------------------------------------------------------------------

struct AlarmRang {};   // the deadline of next_alarm() has passed
struct DrainAsked {};  // the process wants to stop: wrap up now
// An operator ends the call: after these last words, or at once when there are none.
struct EndAsked {
    std::string words = {};
};
// The call may cost no more: it is wrapped up, or, before it began, not connected to a model.
struct BudgetSpent {
    std::string what;  // the limit, in words
};

using Event =
    std::variant<CallerAttached, CallerAudio, DtmfPressed, MarkPlayed, CallerGone, TransferEnded,
                 EngineReady, CallerSpeechStarted, CallerSpeechStopped, CallerTranscribed,
                 ResponseStarted, AgentAudio, AgentText, AgentItemDone, ToolCalled, ResponseDone,
                 EngineProblem, EngineLost, AgentPrepared, AgentUnavailable, ToolFinished,
                 ToolsOffered, OutcomeSet, HangUpAsked, TextInjected, SayAsked, ModelAsked,
                 NoteTaken, TransferAsked, HoldAsked, DigitsAsked, RecordingAsked, MessageTold,
                 KeyAnswered, AlarmRang, DrainAsked, EndAsked, BudgetSpent>;

// Whoever takes events in: the Session. Called on the call's io thread.
class EventSink {
 public:
    virtual ~EventSink() = default;
    virtual void on(const Event& event) = 0;
};

// ---- commands -------------------------------------------------------------------------------

struct Play {
    Bytes audio;
};  // whole 20 ms frames
struct SendMark {
    std::uint32_t mark = 0;
};
struct ClearPlayback {};
struct HangUp {};
// Hand the line over; TransferEnded follows, or CallerGone.
struct HandOver {
    Transfer transfer;
};
// Keep what is said from now on, or no longer.
struct Record {
    bool is_on = true;
};

// connect; while an earlier connection works it serves until the new one is ready
struct OpenEngine {
    std::vector<Turn> history;
};
struct AppendAudio {
    Bytes audio;
};
struct Respond {
    std::string instructions;
};  // empty: answer as the conversation stands
struct CancelResponse {};
// Takes back what was asked for and has not begun; the server cuts off the active one by itself.
struct WithdrawResponse {};
struct Truncate {
    std::string item_id;
    int content_index = 0;
    std::int64_t audio_end_ms = 0;
};
struct SendToolOutput {
    std::string tool_call_id;
    std::string output;
};
struct InjectText {
    Turn turn;
};

struct OfferTools {
    json::array tools;
};  // to the model, in place of the earlier ones

struct RunTool {
    // check: only whether it could be run with these arguments; ToolFinished without failure says
    // yes.
    enum class Purpose { run, check };
    std::string tool_call_id;
    std::string name;
    std::string arguments;
    Purpose purpose = Purpose::run;
    int attempt = 1;  // 2: in a fresh VM, after a broken run
};

// What the agent is told of the call, as far as it wants to know.
struct CallerWasHeard {
    std::string text;
};
struct AgentWasHeard {
    std::string heard;
    std::string unheard;
};
struct AgentWasCutOff {
    std::string heard;
    std::string unheard;
};
// KeyAnswered follows, whatever the script does
struct KeyPressed {
    std::uint64_t key_id = 0;
    char digit = 0;
};
struct CallerIsSilent {
    std::chrono::seconds lasted{0};
};
struct SayDone {  // the answer to SayAsked, always
    enum class How { heard, interrupted, hung_up, no_model, too_many };
    std::uint64_t say_id = 0;
    How how = How::heard;
    std::string heard;  // as much as the caller heard of it
};
// nobody took the call; the agent has the caller again
struct CallerReturned {
    TransferEnded::How how = TransferEnded::How::no_answer;
};
using News = std::variant<CallerWasHeard, AgentWasHeard, AgentWasCutOff, KeyPressed, CallerIsSilent,
                          SayDone, CallerReturned>;
struct TellAgent {
    News news;
};

struct Totals {
    milliseconds duration{0};  // since the caller was there
    // finished utterances, the caller's and the agent's
    int turns = 0;
    int interruptions = 0;
    int tool_calls = 0;
    double cost_usd = 0;
};
// the last command: close everything
struct Finish {
    std::string outcome;
    std::string reason;
    Totals totals = {};
};

using Command = std::variant<Play, SendMark, ClearPlayback, HangUp, HandOver, Record, OpenEngine,
                             AppendAudio, Respond, CancelResponse, WithdrawResponse, Truncate,
                             SendToolOutput, InjectText, OfferTools, RunTool, TellAgent, Finish>;

}  // namespace parley::call
