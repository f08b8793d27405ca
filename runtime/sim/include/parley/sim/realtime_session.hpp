// realtime_session.hpp: one session of the simulated OpenAI Realtime server, without its socket.
//
// Takes the client's messages and the time, and returns what to send: GA events only, in the order
// of the API reference. Voice activity is detected on the received audio, so its clock is the
// appended audio, not the wall. What to answer comes from a script, and what goes wrong from its
// list of faults. Sans-I/O. Owner: the connection. Thread: one at a time.
#pragma once

#include <parley/audio/vad.hpp>
#include <parley/sim/item_list.hpp>
#include <parley/sim/model_script.hpp>
#include <parley/sim/response_run.hpp>
#include <parley/sim/script_player.hpp>
#include <parley/sim/session_settings.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace parley::sim {

// One message from the client, for assertions. Of appended audio only the size is kept
// ("audio_bytes").
struct ClientEvent {
    TimePoint at;
    std::string type;  // empty when it could not be read
    json::object event;
};

// Something a careful client does not do. Codes are those of the error events, plus
// audio_before_session_updated, beta_header, duplicate_tool_output and unknown_path.
struct Violation {
    TimePoint at;
    std::string code;
    std::string what;
};

class RealtimeSession final : private ResponseHost {
 public:
    struct Options {
        int number = 1;  // counting connections from 1
        std::string model = "gpt-realtime-2.1";
        std::int64_t expires_at_s = 0;            // told to the client
        TimePoint expires_at = TimePoint::max();  // when the session really ends
        milliseconds speech_start{60};            // loud for this long: speech
        int late_deltas = 4;
        std::size_t events_kept_max = 200'000;
    };
    struct Send {
        std::string text;
    };
    // answer with speech_ready()
    struct Synthesize {
        std::uint64_t ticket = 0;
        std::string words;
        int rate_hz = 8'000;
    };
    struct Close {
        std::uint16_t code = 1000;
        std::string reason;
    };
    struct Drop {};  // break the connection
    struct Tell {
        std::string line;
    };  // for whoever watches
    using Output = std::variant<Send, Synthesize, Close, Drop, Tell>;

    // `script` outlives the session. Sends session.created.
    RealtimeSession(Options options, const ModelScript& script, ScriptPlayer player, TimePoint now);

    void receive(std::string_view text, TimePoint now);
    void receive_binary(TimePoint now);
    void speech_ready(std::uint64_t ticket, const Speech& speech, TimePoint now);
    void advance(TimePoint now);
    TimePoint next_due() const;
    // What to do since the last call, in order.
    std::vector<Output> take_output() { return std::exchange(output_, {}); }
    bool is_over() const { return is_over_; }

    const std::vector<ClientEvent>& client_events() const { return client_events_; }
    const std::vector<Violation>& violations() const { return violations_; }
    const ScriptPlayer& player() const { return player_; }
    const SessionSettings& settings() const { return settings_; }
    std::int64_t appended_ms() const;
    int responses() const { return response_count_; }
    int utterances() const { return utterance_count_; }

 private:
    struct PendingFault {
        InjectedFault fault;
        std::size_t index;  // in the script
    };
    struct Transcription {
        TimePoint due;
        std::string item_id;
        std::string text;
        std::int64_t audio_ms = 0;
        bool is_failed = false;
    };

    // ResponseHost
    void send(json::object event) override;
    std::string make_id(std::string_view prefix) override;
    ItemList& items() override { return items_; }
    json::value usage(std::int64_t text_tokens, std::int64_t audio_tokens) override;

    // Client events.
    void dispatch(const std::string& type, const json::object& event);
    void session_update(const json::object& event);
    void append(const json::object& event);
    void commit_by_client();
    void create_item(const json::object& event);
    void truncate_item(const json::object& event);
    void create_response(const json::object& event);
    void cancel_response(const json::object& event);
    std::optional<ApiError> read_response_options(const json::object& wanted,
                                                  ResponseRun::Spec& spec) const;
    void reject(ApiError error);
    void note(std::string_view code, std::string_view what);
    void tell(std::string line);

    // Speech and turns.
    void listen_afresh();
    void on_speech_started(milliseconds at);
    void on_speech_stopped(milliseconds at);
    void commit(std::int64_t audio_ms);
    std::string add_caller_item(std::int64_t audio_ms);
    void on_idle();
    void start_response(Answer answer, ResponseRun::Spec spec);
    void ask_for_speech(const ResponseRun& run, AudioFormat format);
    void cut_off_active(std::string_view reason);
    ResponseRun::Spec default_spec() const;
    void run_responses();
    void finish_active();
    void trip_faults(const ResponseRun& run);
    void trip(const InjectedFault& fault);
    bool take_fault(InjectedFault::Kind kind, int turn);
    bool applies(const InjectedFault& fault, int turn) const;
    void use_up(std::size_t index);

    Options options_;
    const ModelScript* script_;
    ScriptPlayer player_;
    SessionSettings settings_;
    ItemList items_;
    TimePoint now_;  // of the call under way

    std::optional<audio::EnergyVad> vad_;
    std::int64_t appended_eighths_ = 0;  // audio clock: appended audio in 1/8 ms
    std::int64_t vad_base_ms_ = 0;       // audio clock when the detector began
    std::int64_t buffer_begin_ms_ = 0;   // what has not been committed begins here
    std::vector<std::uint8_t> bytes_;    // reused
    std::vector<std::int16_t> samples_;
    std::vector<audio::EnergyVad::Change> changes_;
    std::string speech_item_;  // being spoken by the caller
    std::int64_t speech_begin_ms_ = 0;

    std::unique_ptr<ResponseRun> active_;
    std::vector<std::unique_ptr<ResponseRun>> aside_;              // out-of-band
    std::vector<std::pair<std::uint64_t, std::string>> speeches_;  // ticket, response id
    std::uint64_t next_ticket_ = 1;
    std::vector<PendingFault> armed_;  // faults of the active response
    std::vector<Transcription> transcriptions_;
    TimePoint rate_limits_due_ = TimePoint::max();
    TimePoint idle_due_ = TimePoint::max();

    std::vector<Output> output_;
    std::vector<ClientEvent> client_events_;
    std::vector<Violation> violations_;
    std::vector<int> fault_hits_;           // per fault of the script
    json::value error_event_id_ = nullptr;  // of the client event under way
    std::string conversation_id_;
    std::uint64_t next_id_ = 1;
    std::int64_t cached_tokens_ = 0;
    std::int64_t cached_text_tokens_ = 0;
    ItemList::Tokens input_tokens_;  // of the response under way
    int active_turn_ = Answer::no_turn;
    int response_count_ = 0;
    int utterance_count_ = 0;
    bool is_updated_ = false;
    bool has_spoken_ = false;
    bool is_stalled_ = false;
    bool is_over_ = false;
};

}  // namespace parley::sim
