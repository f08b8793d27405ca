#include "twilio_stream.hpp"

#include <parley/audio/g711.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <exception>

namespace parley::telephony {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t normal_closure = 1000;
constexpr std::uint16_t going_away = 1001;
constexpr std::uint16_t no_status = 1005;
constexpr std::uint16_t policy_violation = 1008;
constexpr std::uint16_t internal_error = 1011;

// One message carries at most two seconds: far above what playout sends, far below what Twilio may
// refuse.
constexpr std::size_t message_audio_max = 16'000;

// The caller has heard the last word: the line must not stay open for a slow API. Twilio then finds
// its own way out.
constexpr milliseconds end_call_patience{2'000};

// One second, the most the gap filler asks for at once.
constexpr std::array<std::uint8_t, 8'000> make_silence() {
    std::array<std::uint8_t, 8'000> silence{};
    silence.fill(audio::mulaw_silence);
    return silence;
}
constexpr auto silence = make_silence();

class StreamChannel final : public call::Channel {
 public:
    StreamChannel(std::weak_ptr<TwilioStream> stream, std::string stream_sid)
        : stream_(std::move(stream)), stream_sid_(std::move(stream_sid)) {}
    ~StreamChannel() override {
        if (const auto stream = stream_.lock()) stream->leave();
    }
    StreamChannel(const StreamChannel&) = delete;
    StreamChannel& operator=(const StreamChannel&) = delete;

    void play(call::Bytes audio) override {
        if (const auto stream = stream_.lock()) stream->play(audio);
    }
    void mark(std::uint32_t mark) override {
        if (const auto stream = stream_.lock()) stream->mark(mark);
    }
    void clear() override {
        if (const auto stream = stream_.lock()) stream->clear();
    }
    void hang_up() override {
        if (const auto stream = stream_.lock()) stream->hang_up();
    }
    bool transfer(const call::Transfer& transfer) override {
        auto stream = stream_.lock();
        if (!stream || !stream->transfer(transfer)) return false;
        handed_over_ = std::move(stream);
        return true;
    }
    std::string id() const override { return stream_sid_; }

 private:
    std::weak_ptr<TwilioStream> stream_;
    // The socket ends, and the line can still be hung up.
    std::shared_ptr<TwilioStream> handed_over_;
    std::string stream_sid_;
};

std::string_view name_of(net::CloseReason::How how) {
    switch (how) {
        case net::CloseReason::How::closed_by_peer: return "closed_by_peer";
        case net::CloseReason::How::closed_by_us: return "closed_by_us";
        case net::CloseReason::How::lost: return "lost";
        case net::CloseReason::How::slow_peer: return "slow_peer";
        case net::CloseReason::How::bad_message: return "bad_message";
    }
    return "";
}

}  // namespace

TwilioStream::TwilioStream(std::shared_ptr<TwilioService::Shared> shared, std::size_t home,
                           std::shared_ptr<net::WebSocket> socket)
    : shared_(std::move(shared)),
      home_(home),
      socket_(std::move(socket)),
      time_(socket_->executor()),
      state_(time_.now(), shared_->options.limits) {}

Task<> TwilioStream::serve(std::shared_ptr<TwilioService::Shared> shared, std::size_t home,
                           std::shared_ptr<net::WebSocket> socket) {
    const auto stream = std::make_shared<TwilioStream>(std::move(shared), home, std::move(socket));
    stream->alarm_ = stream->time_.make_alarm([raw = stream.get()] { raw->on_alarm(); });
    stream->alarm_->arm(stream->state_.deadline());
    // Built first: GCC 12 mishandles temporaries of an awaited expression.
    std::function<void(net::Message)> hear = [raw = stream.get()](net::Message message) {
        raw->on_message(message);
    };
    const net::CloseReason reason = co_await stream->socket_->run(hear);
    stream->alarm_.reset();
    stream->on_end(reason);
}

// ---- from Twilio ----------------------------------------------------------------------------

void TwilioStream::on_message(const net::Message& message) {
    try {
        carry_out(message.is_text ? state_.on_text(message.data) : state_.on_binary());
    } catch (const std::exception& error) {
        // A mistake of ours ends this call and no other.
        log::error("call.bug", {{"call", call_sid()}, {"what", error.what()}});
        close(internal_error, "internal error");
    }
}

void TwilioStream::carry_out(const StreamStep& step) {
    using Do = StreamStep::Do;
    if (step.action == Do::hear) return hear(step.media);  // fifty times a second
    if (!step.complaint.empty())
        log::warn("twilio.bad_message", {{"call", call_sid()}, {"what", step.complaint}});
    switch (step.action) {
        case Do::hear:
        case Do::nothing: break;
        case Do::check_start: start_call(*step.started); break;
        case Do::press:
            if (events_) events_->on(call::DtmfPressed{step.digit});
            break;
        case Do::mark_played:
            if (events_) events_->on(call::MarkPlayed{step.mark});
            break;
        case Do::finish:
            tell_gone(call::CallerGone::How::hung_up, "stop");
            close(normal_closure, "");
            break;
        case Do::close: close(step.close_code, step.complaint); break;
    }
}

void TwilioStream::start_call(const Started& started) {
    call_sid_ = shortened(started.call_sid, 64);
    const std::string& account = shared_->options.account_sid;
    if (!account.empty() && !started.account_sid.empty() && started.account_sid != account) {
        log::warn("twilio.stream_refused",
                  {{"call", call_sid()}, {"what", "the stream belongs to another account"}});
        return close(policy_violation, "unknown stream");
    }
    auto claimed = shared_->calls->claim(started.parameter("token"), started.call_sid, home_);
    if (!claimed) {
        log::warn("twilio.stream_refused",
                  {{"call", call_sid()}, {"what", "unknown, used or expired token"}});
        return close(policy_violation, "unknown stream");
    }
    state_.accept();
    writer_.emplace(started.stream_sid);
    events_ = std::move(claimed->events);
    our_number_ = std::move(claimed->our_number);
    alarm_->cancel();
    log::debug("twilio.stream_started",
               {{"call", call_sid()}, {"stream", shortened(started.stream_sid, 64)}});
    is_attaching_ = true;
    const bool is_attached = claimed->attach(
        std::make_unique<StreamChannel>(weak_from_this(), shortened(started.stream_sid, 64)));
    is_attaching_ = false;
    if (!is_attached) {
        events_.reset();
        log::warn("twilio.stream_refused",
                  {{"call", call_sid()}, {"what", "the call has a stream already, or is over"}});
        return close(policy_violation, "unknown stream");
    }
    if (has_left_) leave();  // the call ended in the moment it began
}

void TwilioStream::hear(const Media& media) {
    if (!events_) return;
    const GapFiller::Advice advice =
        filler_.on_media(media.timestamp_ms, media.chunk, media.audio.size(), time_.now());
    if (!is_watching_) watch();
    auto* const figures = shared_->options.figures;
    if (advice.drop && figures != nullptr)
        figures->lost_out_of_order.add(call::Figures::seconds_of(media.audio.size()));
    if (advice.drop || media.audio.empty()) return;
    if (advice.silence_bytes > 0) {
        if (figures != nullptr)
            figures->filled_gap.add(call::Figures::seconds_of(advice.silence_bytes));
        events_->on(call::CallerAudio{call::Bytes(silence).first(advice.silence_bytes)});
    }
    if (events_) events_->on(call::CallerAudio{media.audio});
}

// One alarm for four things, in the order of a call's life: no start, no audio, no answer to a
// transfer, no end.
void TwilioStream::on_alarm() {
    if (is_hanging_up_) return close(normal_closure, "");
    if (transfer_ == Transfer::unclear) {
        is_watching_ = false;
        fail_to_hand_over("the carrier did not answer");
        return watch();
    }
    if (!state_.is_active()) return carry_out(state_.on_time(time_.now()));
    is_watching_ = false;
    if (const std::size_t stalled = filler_.on_time(time_.now()); stalled > 0 && events_) {
        log::debug("twilio.audio_stalled", {{"call", call_sid()}});
        if (auto* figures = shared_->options.figures)
            figures->filled_stall.add(call::Figures::seconds_of(stalled));
        events_->on(call::CallerAudio{call::Bytes(silence).first(stalled)});
        return;
    }
    watch();
}

// The deadline moves with every piece of audio; the alarm is not moved along but looks again when
// it rings.
void TwilioStream::watch() {
    const TimePoint deadline = filler_.deadline();
    if (!alarm_ || is_hanging_up_ || deadline == TimePoint::max()) return;
    is_watching_ = true;
    alarm_->arm(deadline);
}

void TwilioStream::on_end(const net::CloseReason& reason) {
    using How = net::CloseReason::How;
    const bool is_orderly =
        reason.how == How::closed_by_peer &&
        (reason.code == normal_closure || reason.code == going_away || reason.code == no_status);
    log::debug("twilio.stream_ended", {{"call", call_sid()},
                                       {"how", name_of(reason.how)},
                                       {"code", reason.code},
                                       {"dropped", filler_.dropped_count()},
                                       {"filled_ms", filler_.filled_bytes() / 8},
                                       {"malformed", state_.malformed_count()},
                                       {"missing", state_.missing_count()}});
    try {
        tell_gone(is_orderly ? call::CallerGone::How::hung_up : call::CallerGone::How::lost,
                  fmt::format("{} {} {}", name_of(reason.how), reason.code,
                              to_valid_utf8(shortened(reason.reason, 80))));
    } catch (const std::exception& error) {
        log::error("call.bug", {{"call", call_sid()}, {"what", error.what()}});
    }
}

void TwilioStream::tell_gone(call::CallerGone::How how, std::string detail) {
    if (transfer_ == Transfer::asked) {
        // Handed over, or gone: Twilio's answer tells.
        if (!ended_) ended_ = call::CallerGone{how, std::move(detail)};
        return;
    }
    if (transfer_ != Transfer::none) return events_.reset();
    if (const auto events = std::exchange(events_, nullptr))
        events->on(call::CallerGone{how, std::move(detail)});
}

void TwilioStream::close(std::uint16_t code, std::string_view reason) {
    // A close frame carries at most 123 bytes of reason.
    socket_->close(code, shortened(reason, 100));
}

// ---- to Twilio ------------------------------------------------------------------------------

void TwilioStream::play(call::Bytes audio) {
    if (!writer_ || is_hanging_up_) return;
    while (!audio.empty()) {
        const auto piece = audio.first(std::min(audio.size(), message_audio_max));
        socket_->send(writer_->media(piece));
        audio = audio.subspan(piece.size());
    }
}

void TwilioStream::mark(std::uint32_t mark) {
    if (writer_ && !is_hanging_up_) socket_->send(writer_->mark(mark));
}

void TwilioStream::clear() {
    if (writer_ && !is_hanging_up_) socket_->send(writer_->clear());
}

void TwilioStream::hang_up() {
    if (std::exchange(is_hanging_up_, true)) return;
    if (alarm_) alarm_->arm(time_.now() + end_call_patience);
    asio::co_spawn(socket_->executor(), end_call(shared_from_this()),
                   [](const std::exception_ptr& problem) {
                       if (!problem) return;
                       try {
                           std::rethrow_exception(problem);
                       } catch (const std::exception& error) {
                           log::error("twilio.hang_up_failed", {{"what", error.what()}});
                       }
                   });
}

bool TwilioStream::transfer(const call::Transfer& wanted) {
    const auto& options = shared_->options;
    if (!options.rest || options.public_url.empty()) {
        log::warn("twilio.cannot_transfer",
                  {{"call", call_sid()},
                   {"remedy", options.rest ? "set PUBLIC_URL"
                                           : "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"}});
        return false;
    }
    if (!events_ || is_hanging_up_ || transfer_ != Transfer::none) return false;
    const auto& path = options.paths.front();
    const auto name = shared_->transfers.begin(call_sid_, wanted.briefing, time_.now());
    twiml::Dial dial;
    dial.number = wanted.to;
    dial.action = options.public_url + path.voice + std::string(transferred_suffix);
    // A name, such as client:desk, is none that a telephone could show.
    if (our_number_.starts_with('+')) dial.caller_id = our_number_;
    dial.ring_limit = wanted.ring_limit;
    if (!wanted.briefing.empty()) dial.briefing_url = briefing_url(options.public_url, path, name);
    transfer_ = Transfer::asked;
    asio::co_spawn(socket_->executor(), hand_over(shared_from_this(), twiml::dial(dial)),
                   [](const std::exception_ptr& problem) {
                       if (!problem) return;
                       try {
                           std::rethrow_exception(problem);
                       } catch (const std::exception& error) {
                           log::error("twilio.transfer_failed", {{"what", error.what()}});
                       }
                   });
    return true;
}

Task<> TwilioStream::hand_over(std::shared_ptr<TwilioStream> stream, std::string document) {
    // Nothing is answered inside the command.
    co_await asio::post(stream->socket_->executor(), asio::use_awaitable);
    CallChange change{.twiml = std::move(document)};
    auto asking =
        TwilioRest::change(stream->shared_->options.rest, stream->call_sid_, std::move(change));
    const auto answer = co_await std::move(asking);
    stream->handed_over(answer);
}

void TwilioStream::handed_over(const RestResult<CallResource>& answer) {
    if (!answer && answer.error().is_surely_undone()) return fail_to_hand_over(answer.error().what);
    transfer_ = answer ? Transfer::done : Transfer::unclear;
    // From here on it is Twilio that tells how it goes.
    if (ended_) return events_.reset();
    if (answer || !alarm_) return;
    is_watching_ = true;
    alarm_->arm(time_.now() + shared_->options.limits.stop_within);
}

void TwilioStream::fail_to_hand_over(std::string detail) {
    transfer_ = Transfer::none;
    log::warn("twilio.transfer_failed", {{"call", call_sid()}, {"what", detail}});
    if (ended_) return tell_gone(ended_->how, ended_->detail);
    if (events_) events_->on(call::TransferEnded{call::TransferEnded::How::failed, detail});
}

void TwilioStream::leave() {
    has_left_ = true;
    if (!is_hanging_up_ && !is_attaching_) close(normal_closure, "");
}

Task<> TwilioStream::end_call(std::shared_ptr<TwilioStream> stream) {
    // Let the call finish first: its ending decides whether Twilio still has something to say.
    co_await asio::post(stream->socket_->executor(), asio::use_awaitable);
    const auto rest = stream->shared_->options.rest;
    if (rest && !is_apology_due(stream->shared_->calls->ending_of(stream->call_sid_))) {
        // Before the socket closes: once it has, Twilio goes on in its document.
        auto asking = TwilioRest::end_call(rest, stream->call_sid_);
        co_await std::move(asking);
    }
    stream->close(normal_closure, "");
}

}  // namespace parley::telephony
