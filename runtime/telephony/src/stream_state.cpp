#include <parley/telephony/stream_state.hpp>

#include <fmt/format.h>

namespace parley::telephony {
namespace {

// RFC 6455 section 7.4.1.
constexpr std::uint16_t unsupported_data = 1003;
constexpr std::uint16_t policy_violation = 1008;

}  // namespace

StreamStep StreamState::on_text(std::string_view text) {
    if (phase_ == Phase::done) return {};
    if (phase_ == Phase::waiting && ++messages_before_start_ > limits_.messages_before_start_max) {
        return close(policy_violation, "too many messages before start");
    }
    MediaMessage message = reader_.read(text);

    if (const auto* malformed = std::get_if<Malformed>(&message))
        return on_malformed(malformed->what);
    malformed_in_a_row_ = 0;

    StreamStep step;
    if (const auto* media = std::get_if<Media>(&message)) {
        if (phase_ != Phase::active) return close(policy_violation, "media before start");
        count_missing(media->sequence);
        if (is_foreign(media->stream_sid, step)) return step;
        if (media->track.starts_with("outbound")) return step;  // our own voice
        step.action = StreamStep::Do::hear;
        step.media = *media;
        return step;
    }
    if (std::holds_alternative<Connected>(message)) return step;
    if (auto* started = std::get_if<Started>(&message)) return on_start(std::move(*started));
    if (last_sequence_) ++*last_sequence_;  // every message counts, whatever its kind
    if (const auto* unknown = std::get_if<UnknownEvent>(&message)) {
        if (!has_told_unknown_)
            step.complaint = fmt::format("unknown event \"{}\" ignored", unknown->event);
        has_told_unknown_ = true;
        return step;
    }

    if (const auto* stopped = std::get_if<Stopped>(&message)) {
        if (phase_ == Phase::active && !stopped->stream_sid.empty() &&
            is_foreign(stopped->stream_sid, step))
            return step;
        phase_ = Phase::done;
        step.action = StreamStep::Do::finish;
        return step;
    }
    if (phase_ != Phase::active) return close(policy_violation, "dtmf or mark before start");
    if (const auto* dtmf = std::get_if<Dtmf>(&message)) {
        if (is_foreign(dtmf->stream_sid, step)) return step;
        step.action = StreamStep::Do::press;
        step.digit = dtmf->digit;
        return step;
    }
    const auto& echo = std::get<MarkEcho>(message);
    if (is_foreign(echo.stream_sid, step)) return step;
    if (const auto number = mark_number(echo.name)) {
        step.action = StreamStep::Do::mark_played;
        step.mark = *number;
    } else if (!has_told_mark_) {
        step.complaint = "a mark that was never sent came back";
        has_told_mark_ = true;
    }
    return step;
}

StreamStep StreamState::on_binary() {
    if (phase_ == Phase::done) return {};
    return close(unsupported_data, "a binary message where text is due");
}

StreamStep StreamState::on_time(TimePoint now) {
    if (phase_ != Phase::waiting || now < start_by_) return {};
    return close(policy_violation,
                 fmt::format("no start within {} s", limits_.start_within.count()));
}

void StreamState::accept() {
    if (phase_ == Phase::checking) phase_ = Phase::active;
}

StreamStep StreamState::close(std::uint16_t code, std::string complaint) {
    phase_ = Phase::done;
    StreamStep step;
    step.action = StreamStep::Do::close;
    step.close_code = code;
    step.complaint = std::move(complaint);
    return step;
}

StreamStep StreamState::on_start(Started started) {
    if (phase_ != Phase::waiting) return close(policy_violation, "a second start");
    if (!started.format.empty())
        return close(policy_violation, "unsupported media format: " + started.format);
    started_ = std::move(started);
    phase_ = Phase::checking;
    StreamStep step;
    step.action = StreamStep::Do::check_start;
    step.started = &started_;
    return step;
}

StreamStep StreamState::on_malformed(std::string_view what) {
    ++malformed_;
    ++malformed_in_a_row_;
    if (phase_ != Phase::active)
        return close(policy_violation, fmt::format("malformed message before start: {}", what));
    if (malformed_in_a_row_ >= limits_.malformed_in_a_row_max) {
        return close(policy_violation,
                     fmt::format("{} malformed messages in a row, the last one: {}",
                                 malformed_in_a_row_, what));
    }
    StreamStep step;
    // The first of a row: fifty lines would say no more.
    if (malformed_in_a_row_ == 1) step.complaint = fmt::format("malformed message: {}", what);
    return step;
}

bool StreamState::is_foreign(std::string_view stream_sid, StreamStep& step) {
    if (stream_sid == started_.stream_sid) return false;
    if (!has_told_foreign_) step.complaint = "a message for another stream was ignored";
    has_told_foreign_ = true;
    return true;
}

void StreamState::count_missing(std::optional<std::int64_t> sequence) {
    if (!sequence) return;
    if (last_sequence_ && *sequence > *last_sequence_ + 1)
        missing_ += *sequence - *last_sequence_ - 1;
    last_sequence_ = sequence;
}

}  // namespace parley::telephony
