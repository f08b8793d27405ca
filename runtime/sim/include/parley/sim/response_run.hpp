// response_run.hpp: one response of the simulated model, from response.created to response.done.
//
// Produces the events of the reference order: message item first (audio with its transcript, or
// text), then function calls, faster than real time by a factor. Cut off in between, every `.done`
// still comes, with what was really sent.
// Sans-I/O: step() does the next thing that is due. The speech itself is made elsewhere and handed
// in.
#pragma once

#include <parley/sim/item_list.hpp>
#include <parley/sim/script_player.hpp>
#include <parley/sim/session_settings.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace parley::sim {

// 16-bit mono samples, shared by all who say the same.
using Speech = std::shared_ptr<const std::vector<std::int16_t>>;

// What a response needs of its session.
class ResponseHost {
 public:
    virtual ~ResponseHost() = default;
    virtual void send(json::object event) = 0;  // gets its event_id there
    virtual std::string make_id(std::string_view prefix) = 0;
    virtual ItemList& items() = 0;
    virtual json::value usage(std::int64_t text_tokens, std::int64_t audio_tokens) = 0;
};

class ResponseRun {
 public:
    struct Spec {
        Answer answer;
        bool is_out_of_band = false;
        bool is_text = false;  // output_modalities ["text"]
        bool has_obfuscation = false;
        bool has_null_usage = false;
        AudioFormat format = AudioFormat::pcm24k;
        json::value voice = "alloy";
        json::value max_output_tokens = "inf";
        json::value metadata = nullptr;
        json::value conversation_id = nullptr;
        double speed = 8;
        milliseconds delta{100};
        milliseconds think{120};
    };
    enum class Status { running, completed, cancelled, failed };

    // Sends response.created. `host` outlives the run.
    ResponseRun(Spec spec, ResponseHost& host, TimePoint now);

    // The words to speak, or empty: nothing will be waited for.
    std::string words_to_speak() const;
    void speech_ready(const Speech& speech);

    // Does one thing that is due; false when nothing is.
    bool step(TimePoint now);
    TimePoint next_due() const;  // max() while waiting for speech or done

    // `late_deltas` more pieces of audio leave before the end.
    void cancel(std::string_view reason, int late_deltas);
    void fail(const ApiError& error);

    const std::string& id() const { return id_; }
    Status status() const { return status_; }
    bool is_out_of_band() const { return spec_.is_out_of_band; }
    milliseconds audio_sent() const;
    bool is_at_end() const;  // only response.done is left
    bool has_sounded() const { return sent_bytes_ > 0 || sent_chars_ > 0 || !call_ids_.empty(); }
    // Of the calls that were made, in order.
    const std::vector<std::string>& call_ids() const { return call_ids_; }

 private:
    enum class Phase { thinking, speaking, calling, ending, ended };

    void begin_message();
    void send_piece();
    void end_message(std::string_view item_status);
    void make_call(const Answer::Call& call);
    void finish(Status status, json::value details);
    json::object event(std::string_view type) const;  // with response_id
    // ... item_id, output_index, content_index
    json::object part_event(std::string_view type) const;
    json::object response_object(std::string_view status) const;
    json::object message_item(std::string_view status) const;
    bool is_spoken() const { return !spec_.is_text; }
    std::size_t piece_bytes() const;
    void send_item_added(const json::object& item, std::int64_t audio_ms);
    void send_item_done(const json::object& item);

    Spec spec_;
    ResponseHost& host_;
    std::string id_;
    Status status_ = Status::running;
    Phase phase_ = Phase::thinking;
    TimePoint due_;
    bool is_waiting_for_speech_ = false;
    std::vector<std::uint8_t> audio_;  // encoded in the session's format
    std::size_t sent_bytes_ = 0;
    std::size_t sent_chars_ = 0;
    std::size_t pieces_ = 0;
    std::string item_id_;  // of the message; empty before it begins
    json::value previous_item_id_ = nullptr;
    int output_index_ = 0;
    std::size_t next_call_ = 0;
    std::vector<std::string> call_ids_;
    json::array output_;
    std::int64_t call_tokens_ = 0;
};

}  // namespace parley::sim
