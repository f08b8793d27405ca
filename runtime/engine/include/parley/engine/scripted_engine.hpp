// scripted_engine.hpp: a model that says what somebody else has written, behind the port
// call::Engine.
//
// For scenarios: no network, no key, the same every time. It behaves as the real one does where a
// call can notice: it answers a caller who has spoken by itself, generates faster than it is heard,
// cancels itself when the caller speaks, makes one response at a time, and can be lost, stall,
// refuse and fail. Its speech is synthetic: as long as the text is, and made of one byte.
//
// What to say comes from a Prompter, one line for each response. Cues with a sentence in quotation
// marks ("Begin the call now. Say exactly this ...") are followed without asking.
//
// Owner:  the call's Session. `time`, `sink` and `prompter` outlive it.
// Thread: the call's; events come from alarms, never inside a command.
// End:    destroying it stops its events.
#pragma once

#include <parley/engine/typed_caller.hpp>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::engine {

// One response of the model.
struct ScriptedLine {
    struct Call {
        std::string tool;
        std::string arguments;  // JSON text
    };
    // rate_limit and server_error may be tried again, quota may not; a stall is a response that
    // begins and never goes on.
    enum class Fails { no, rate_limit, server_error, quota, stall };

    std::string says;         // empty: nothing is spoken
    std::vector<Call> calls;  // after what is said, in the same response
    Fails fails = Fails::no;
};

class Prompter {
 public:
    virtual ~Prompter() = default;
    // A response has begun. Nothing: not now; then ScriptedEngine::give_line() brings it.
    virtual std::optional<ScriptedLine> next_line(std::string_view instructions) = 0;
    // What the model is told, for whoever wants to compare.
    virtual void opened(const call::AgentProfile& profile,
                        const std::vector<call::Turn>& history) = 0;
    virtual void told(const call::Turn& turn) = 0;
    virtual void asked(std::string_view instructions) = 0;  // of respond()
    virtual void offered(const json::array& tools) = 0;     // in place of the profile's
};

class ScriptedEngine final : public TypedCaller {
 public:
    struct Options {
        milliseconds connect{150};
        milliseconds think{250};  // from the wish for a response to its beginning
        // of silence, until the caller counts as having finished
        milliseconds end_of_speech{500};
        milliseconds transcription{200};  // after that
        milliseconds per_character{60};
        milliseconds piece{500};       // of speech in one delta
        int speed = 8;                 // generated this much faster than it sounds
        std::size_t bytes_per_ms = 8;  // of the channel's format
    };
    static constexpr std::uint8_t speech_byte = 0x55;  // what all of its speech consists of

    ScriptedEngine(Timekeeper& time, call::EventSink& sink, Prompter& prompter, Options options);
    ScriptedEngine(Timekeeper& time, call::EventSink& sink, Prompter& prompter);

    void open(const call::AgentProfile& profile, const std::vector<call::Turn>& history) override;
    void append(call::Bytes) override {}
    void respond(std::string_view instructions) override;
    void cancel() override;
    void withdraw() override { pending_.reset(); }
    void truncate(std::string_view, int, std::int64_t) override {}
    void tool_output(std::string_view, std::string_view) override {}
    void inject(const call::Turn& turn) override;
    void offer_tools(const json::array& tools) override { prompter_.offered(tools); }

    // ---- for the one who plays the caller: a model hears them in the audio -------------------
    void caller_starts() override;
    void caller_stops(std::string text) override;
    bool is_idle() const override { return due_.empty() && !response_ && !pending_; }
    bool is_connected() const { return is_connected_; }
    bool is_waiting_for_line() const { return response_ && response_->is_waiting; }
    void give_line(ScriptedLine line);

    // ---- faults ------------------------------------------------------------------------------
    enum class Retry { allowed, pointless };
    void lose(std::string reason, Retry retry);
    void refuse_connections(int count, Retry retry) {
        refusals_ = count;
        refusal_retry_ = retry;
    }

 private:
    struct Response {
        std::string id;
        std::string instructions;
        bool is_waiting = false;
    };

    enum class Part { connection, response };
    struct Due {
        Part part;
        std::function<void()> work;
    };

    // False: the call has ended by it, and this engine with it.
    bool tell(const call::Event& event);
    void after(milliseconds delay, Part part, std::function<void()> work);
    void drop_response();
    void ring();
    void arm();
    void begin(std::string instructions);
    void speak(ScriptedLine line);
    void piece(std::string item_id, std::string text, std::size_t said, milliseconds left,
               std::vector<ScriptedLine::Call> calls);
    void finish(std::vector<ScriptedLine::Call> calls);
    void end_response(call::ResponseDone done);
    void forget();

    Timekeeper& time_;
    call::EventSink& sink_;
    Prompter& prompter_;
    const Options options_;
    std::unique_ptr<Alarm> alarm_;
    std::multimap<TimePoint, Due> due_;
    std::vector<std::uint8_t> audio_;
    std::optional<Response> response_;
    std::optional<std::string> pending_;  // instructions of the one that waits
    std::string caller_item_;
    bool is_connected_ = false;
    int refusals_ = 0;
    Retry refusal_retry_ = Retry::allowed;
    int next_id_ = 0;
    std::shared_ptr<int> alive_ = std::make_shared<int>();  // gone with the engine
};

}  // namespace parley::engine
