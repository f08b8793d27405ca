// realtime_session.hpp: one session with an OpenAI Realtime server. Sans-I/O: messages in, messages
// and events out.
//
// A session's life:  connecting -> configuring -> ready -> over
//   connecting   waits for session.created: a finished handshake is not yet a session
//   configuring  session.update is out; the formats in its echo are checked before any audio flows
//   ready        the history has been replayed and EngineReady sent; commands count from here on
//   over         EngineLost has been sent; everything else is ignored
//
// Owner:  one connection of the engine. Thread: one at a time.
#pragma once

#include <parley/audio/transcoder.hpp>
#include <parley/call/ports.hpp>
#include <parley/engine/realtime_protocol.hpp>
#include <parley/engine/response_gate.hpp>

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::engine {

class RealtimeSession {
 public:
    enum class State { connecting, configuring, ready, over };

    // What to do, in order: send the messages, then deliver the events. Views in the events point
    // into the received text and into the session: valid as long as that text and until the next
    // receive().
    struct Output {
        std::vector<std::string> messages;
        std::vector<call::Event> events;
        void clear() {
            messages.clear();
            events.clear();
        }
    };

    RealtimeSession(const OpenAiOptions& options, const call::AgentProfile& profile,
                    std::vector<call::Turn> history, std::string call_sid, TimePoint now,
                    WallTime wall_now);

    // ---- from the server; each appends to `out` ----
    void receive(std::string_view text, Output& out);
    void receive_binary(Output& out);
    void setup_timed_out(Output& out);  // no effect once ready
    void closed(std::uint16_t code, std::string_view reason, Output& out);
    void lost(std::string_view reason, Output& out);  // the connection broke: worth another try
    // After the events of receive() have been delivered: sends a follow-up that is due. Later than
    // receive(), so that a wish which an event called forth joins the waiting one.
    void settle(Output& out);

    // ---- from the call; ignored unless ready ----
    // The message for a piece of the caller's audio, in the channel's format; "" for none.
    // Valid until the next append().
    std::string_view append(call::Bytes audio);
    void respond(std::string_view instructions, Output& out);
    void cancel(Output& out);
    void withdraw() { gate_.withdraw(); }
    void truncate(std::string_view item_id, int content_index, std::int64_t audio_end_ms,
                  Output& out);
    void tool_output(std::string_view tool_call_id, std::string_view output, Output& out);
    void offer_tools(const json::array& tools, Output& out);  // before ready: once it is
    // its instructions and tools; before ready: once it is
    void revise(const call::AgentProfile& profile, Output& out);
    void inject(const call::Turn& turn, Output& out);  // before ready: becomes part of the history

    State state() const { return state_; }

 private:
    struct Response {
        std::string id;
        bool is_discarded = false;  // cancelled or cut off: its late audio and text are dropped
        bool is_done = false;
        std::vector<realtime::OutputItem> calls = {};  // as far as their arguments told
    };
    struct Item {  // a piece of the agent's speech, as received
        std::string id;
        int content_index = 0;
        std::string response_id;
        std::uint64_t bytes = 0;  // in the model's format
        std::string text;         // once the server has said it in full
    };

    void on(const realtime::Ignored&, Output&) {}
    void on(const realtime::Malformed& event, Output& out);
    void on(const realtime::SessionCreated& event, Output& out);
    void on(const realtime::SessionUpdated& event, Output& out);
    void on(const realtime::ServerError& event, Output& out);
    void on(const realtime::SpeechStarted& event, Output& out);
    void on(const realtime::SpeechStopped& event, Output& out);
    void on(const realtime::Transcribed& event, Output& out);
    void on(const realtime::TranscriptionFailed& event, Output& out);
    void on(const realtime::ResponseCreated& event, Output& out);
    void on(const realtime::AudioDelta& event, Output& out);
    void on(const realtime::AudioDone& event, Output& out);
    void on(const realtime::TextDelta& event, Output& out);
    void on(const realtime::TextDone& event, Output& out);
    void on(const realtime::OutputItemDone& event, Output& out);
    void on(const realtime::ArgumentsDone& event, Output& out);
    void on(const realtime::ResponseFinished& event, Output& out);

    void audio(std::string_view response_id, std::string_view item_id, int content_index,
               std::string_view base64, Output& out);
    void flush_tail(std::string_view response_id, std::string_view item_id, int content_index,
                    Output& out);
    void drop_tail();
    void tool_called(std::string_view response_id, const realtime::OutputItem& item, Output& out);
    bool retry_without_transcription(const realtime::ServerError& error, Output& out);
    void fail_setup(const realtime::ServerError& error, Output& out);
    void end(std::string reason, bool may_retry, Output& out);
    void create_due(Output& out);
    void send_cancel(const std::string& response_id, Output& out);
    void discard(std::string_view response_id);
    bool is_discarded(std::string_view response_id) const;
    Response* find_response(std::string_view id);
    Response& response(std::string_view id);
    Item* find_item(std::string_view id, int content_index);
    Item& item(std::string_view id, int content_index, std::string_view response_id);
    std::string next_event_id(std::string_view what);
    void note_expiry(std::optional<std::int64_t> expires_at);

    const std::string call_sid_;
    const std::string model_;
    const TokenPrice price_;
    const double transcription_price_;  // USD per minute; 0: not known
    const int bad_messages_max_;
    realtime::SessionSetup setup_;
    const TimePoint opened_at_;
    const WallTime opened_at_wall_;
    std::vector<call::Turn> history_;

    State state_ = State::connecting;
    bool are_tools_late_ = false;    // changed after session.update was sent
    bool is_revision_late_ = false;  // likewise, instructions and tools
    std::optional<TimePoint> expires_at_;
    std::string last_error_;  // explains a close without words of its own
    int bad_messages_ = 0;    // in a row
    std::uint64_t event_ids_ = 0;
    std::uint64_t unnamed_utterances_ = 0;
    ResponseGate gate_;
    std::deque<Response> responses_;  // the newest few, newest last
    std::deque<Item> items_;
    std::deque<std::string> tool_calls_;  // ids passed on, each once

    realtime::ServerEvent event_;        // the last one; events point into it
    std::vector<std::uint8_t> decoded_;  // reused, like the next ones
    std::vector<std::uint8_t> speech_;
    std::vector<std::uint8_t> heard_;
    std::string append_;

    struct Transcoders {
        audio::MulawToPcm24k to_model;
        audio::Pcm24kToMulaw from_model;
        std::string speaking_item;  // whose tail from_model holds back; "" for none
    };
    std::optional<Transcoders> transcoders_;  // none for µ-law
};

}  // namespace parley::engine
