// stream_state.hpp: what may come when on a media stream, and what to do about the rest.
//
//   waiting  at most 10 s and 20 messages for `start`; anything but start, connected or an unknown event ends it
//   checking the start is here; the caller of this checks token and account, then says accept() or closes
//   active   audio, digits and marks, until `stop`
//   done     nothing more is looked at
//
// Sans-I/O: messages and the time in, one step out. Owner: one stream. Thread: the stream's.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/telephony/media_message.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace parley::telephony {

struct StreamLimits {
    std::chrono::seconds start_within{10};
    int messages_before_start_max = 20;
    // of a running call: one bad message must not end it, a broken peer must
    int malformed_in_a_row_max = 50;
    // Twilio ends a stream within moments of taking another document in its place; where it does not
    // say whether it has.
    milliseconds stop_within{10'000};
};

// What a message asks for. Views are valid until the next message.
struct StreamStep {
    enum class Do {
        nothing,
        check_start,  // `started` is set
        hear,         // `media`
        press,        // `digit`
        mark_played,  // `mark`
        finish,       // the caller's side has ended the stream
        close,        // with `close_code` and `complaint` as the reason
    };
    Do action = Do::nothing;
    const Started* started = nullptr;
    Media media = {};
    char digit = 0;
    std::uint32_t mark = 0;
    std::uint16_t close_code = 0;
    std::string complaint = {};  // worth a log line when not empty
};

class StreamState {
 public:
    explicit StreamState(TimePoint now, StreamLimits limits = {})
        : limits_(limits), start_by_(now + limits.start_within) {}

    StreamStep on_text(std::string_view text);
    StreamStep on_binary();
    StreamStep on_time(TimePoint now);
    // After check_start: token, call and account are right.
    void accept();

    // When on_time has something to say; max() once started.
    TimePoint deadline() const { return phase_ == Phase::waiting ? start_by_ : TimePoint::max(); }
    bool is_active() const { return phase_ == Phase::active; }
    const Started& started() const { return started_; }
    std::int64_t malformed_count() const { return malformed_; }
    // by sequence numbers; for information only
    std::int64_t missing_count() const { return missing_; }

 private:
    enum class Phase { waiting, checking, active, done };

    StreamStep close(std::uint16_t code, std::string complaint);
    StreamStep on_start(Started started);
    StreamStep on_malformed(std::string_view what);
    // Of another stream: complained about once. Empty ids were refused by the reader.
    bool is_foreign(std::string_view stream_sid, StreamStep& step);
    void count_missing(std::optional<std::int64_t> sequence);

    StreamLimits limits_;
    TimePoint start_by_;
    Phase phase_ = Phase::waiting;
    MediaReader reader_;
    Started started_;
    int messages_before_start_ = 0;
    int malformed_in_a_row_ = 0;
    std::int64_t malformed_ = 0;
    std::int64_t missing_ = 0;
    std::optional<std::int64_t> last_sequence_;
    bool has_told_foreign_ = false;
    bool has_told_unknown_ = false;
    bool has_told_mark_ = false;
};

}  // namespace parley::telephony
