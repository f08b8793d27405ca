// The line itself: the caller is put through to somebody else, waits with music, hears tones, is
// recorded.
#include <parley/call/conversation.hpp>

#include <parley/audio/tones.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace parley::call {
namespace {

using namespace std::chrono_literals;

// The carrier lets two people talk for four hours at most; then it tells.
constexpr std::chrono::hours talk_max{4};
constexpr std::chrono::minutes talk_grace{1};
// A caller whom nobody has taken comes back with a line of their own, or is on the one they had.
constexpr milliseconds back_within{30'000};
// sound that was under way when the line was handed over is no sign of them
constexpr milliseconds stale_audio{500};
// the line of a transfer that was refused is still there, also when it carries no sound
constexpr milliseconds refused_after{5'000};
constexpr milliseconds look_every{200};

constexpr std::size_t digits_max = 128;  // that wait or sound: half a minute of tones

constexpr milliseconds music_ahead{500};  // beyond what the line has got
constexpr milliseconds music_slice{1'000};

std::string_view name_of(TransferEnded::How how) {
    switch (how) {
        case TransferEnded::How::answered: return "answered";
        case TransferEnded::How::no_answer: return "no_answer";
        case TransferEnded::How::busy: return "busy";
        case TransferEnded::How::declined: return "declined";
        case TransferEnded::How::failed: return "failed";
    }
    return "";
}

std::string_view words_for(TransferEnded::How how) {
    switch (how) {
        case TransferEnded::How::no_answer: return "no answer";
        case TransferEnded::How::busy: return "busy";
        case TransferEnded::How::declined: return "they would not take it";
        default: return "the connection failed";
    }
}

std::int64_t ms_between(TimePoint begin, TimePoint end) {
    return std::chrono::duration_cast<milliseconds>(end - begin).count();
}

}  // namespace

// ---- transfers --------------------------------------------------------------------------------

void Conversation::on(const TransferAsked& event) {
    if (is_caller_gone_) return;
    if (transfer_ || ending_) {
        note(journal::Problem{"transfer_dropped", ending_
                                                      ? "the call is ending"
                                                      : "the caller is being put through already"});
        return;
    }
    end_hold();
    transfer_ = HandingOver{event.transfer, now_ + policy_.wrap_up_max};
    if (!event.words.empty()) says_.add({SayQueue::Wish::Kind::exactly, event.words});
}

void Conversation::settle_transfer() {
    if (!transfer_ || is_away() || !attached_ || is_caller_gone_) return;
    const bool words_are_out =
        !is_answer_due() && desk_.is_idle() && says_.is_empty() && digits_.empty();
    if ((words_are_out || now_ >= transfer_->deadline) && playout_.is_idle(now_)) hand_over();
}

void Conversation::hand_over() {
    // Nobody is there to hear what the model may still come up with.
    if (active_response_) discarded_.insert(*active_response_);
    if (active_response_ || respond_requested_) commands_.push_back(CancelResponse{});
    active_response_.reset();
    playout_.finish_item();
    respond_requested_ = is_item_open_ = answer_expected_ = are_results_unanswered_ = false;
    retry_respond_at_ = retry_open_at_ = TimePoint::max();
    says_.end(SayDone::How::hung_up);
    if (link_ == Link::waiting) link_ = Link::none;  // it may be a long talk
    is_greeted_ = is_latency_noted_ = true;
    model_latency_ = milliseconds{0};
    transfer_->began = now_;
    note(journal::TransferStarted{transfer_->transfer.to, !transfer_->transfer.briefing.empty()});
    commands_.push_back(HandOver{transfer_->transfer});
}

void Conversation::on(const TransferEnded& event) {
    if (!is_away() || transfer_->failed) return;  // told twice
    note(journal::TransferEnded{std::string(name_of(event.how)), event.detail,
                                ms_between(*transfer_->began, now_)});
    if (event.how == TransferEnded::How::answered) return leave("transferred", "transferred");
    transfer_->failed = event.how;
    transfer_->failed_at = now_;
}

// A line that still brings the caller's sound is the one they had.
void Conversation::hear_while_away() {
    if (transfer_->failed && now_ >= transfer_->failed_at + stale_audio)
        transfer_->is_heard_again = true;
}

void Conversation::settle_away() {
    for (auto& done : says_.take_done()) tell_agent(std::move(done));
    if (!transfer_->failed) {
        if (now_ < *transfer_->began + transfer_->transfer.ring_limit + talk_max + talk_grace)
            return;
        note(journal::Problem{"transfer_lost", "nobody has told how the transfer went"});
        return leave("transfer_lost", "transferred");
    }
    const bool is_line_theirs = transfer_->failed == TransferEnded::How::failed &&
                                now_ >= transfer_->failed_at + refused_after;
    if (transfer_->is_heard_again || is_line_theirs) return come_back();
    if (now_ < transfer_->failed_at + back_within) return;
    note(journal::Problem{"transfer_lost", "the caller did not come back"});
    leave("transfer_lost", "caller_hung_up");
}

TimePoint Conversation::next_away() const {
    if (!transfer_->failed)
        return *transfer_->began + transfer_->transfer.ring_limit + talk_max + talk_grace;
    // The caller's sound tells nobody that it came; and it comes often.
    const auto looks = (now_ - transfer_->failed_at) / look_every + 1;
    return transfer_->failed_at + looks * look_every;
}

void Conversation::come_back() {
    const auto how = transfer_->failed.value_or(TransferEnded::How::failed);
    away_for_ += now_ - *transfer_->began;
    transfer_.reset();
    is_caller_speaking_ = is_answer_owed_ = false;
    quiet_since_ = waiting_since_ = TimePoint::max();
    progress_at_ = now_;
    if (lost_at_ != TimePoint::max()) lost_at_ = now_;  // nobody has missed the model so far
    if (is_over_budget_)
        return leave_with("cost_limit", "cost_limit", "over_budget", phrases_->over_budget);
    if (link_ == Link::dead) return give_up("provider_lost");
    if (hooks_.returned) {
        tell_agent(CallerReturned{how});
    } else {
        tell(
            {Turn::Speaker::system,
             fmt::format("Nobody took the call at the other number ({}). You are speaking with the "
                         "caller again; tell them and go on.",
                         words_for(how))});
        is_return_untold_ = true;
    }
    if (link_ == Link::none) return open_engine();
    if (link_ == Link::live && std::exchange(is_return_untold_, false)) respond({});
}

// ---- hold -------------------------------------------------------------------------------------

void Conversation::on(const HoldAsked& event) {
    if (!event.is_on) return end_hold();
    if (hold_ || transfer_ || ending_ || is_caller_gone_) return;
    hold_ = Hold{.last_response = active_response_.value_or(""),
                 .is_last_to_come = !active_response_ && is_answer_due()};
}

// What is said ends a hold; the answer that was under way when it was asked for comes before it.
void Conversation::speak_on_hold(std::string_view response_id) {
    if (std::exchange(hold_->is_last_to_come, false)) hold_->last_response = response_id;
    if (response_id != hold_->last_response) end_hold();
}

void Conversation::settle_hold() {
    if (!hold_ || !attached_ || is_caller_gone_) return;
    if (!hold_->began) {
        if (is_answer_due() || !says_.is_empty() || !digits_.empty() || !playout_.is_idle(now_))
            return;
        hold_->began = now_;
        is_caller_speaking_ = false;  // the end of it will not be heard
        note(journal::HoldStarted{});
    }
    if (now_ >= *hold_->began + policy_.hold_max) {
        end_hold();
        tell({Turn::Speaker::system,
              "Nobody can be on hold for longer. Tell the caller what you know and go on."});
        if (link_ != Link::live) {
            is_answer_owed_ = true;
        } else if (!is_answer_due()) {
            respond({});
        }
    }
}

bool Conversation::needs_music() const {
    return is_on_hold() && !phrases_->hold.empty() && playout_.queued() < music_ahead;
}

void Conversation::play_music() {
    const auto& music = phrases_->hold;
    while (needs_music()) {
        const auto slice =
            std::min(music.size() - hold_->played,
                     static_cast<std::size_t>(music_slice.count()) * policy_.playout.bytes_per_ms);
        playout_.add_local("hold", Bytes(music).subspan(hold_->played, slice));
        hold_->played = (hold_->played + slice) % music.size();
    }
}

// Silence at once: there is nothing but music on its way to the caller.
void Conversation::end_hold() {
    if (!hold_) return;
    const auto began = std::exchange(hold_, std::nullopt)->began;
    if (!began) return;
    playout_.interrupt(now_);
    const auto lasted = ms_between(*began, now_);
    note(journal::HoldEnded{lasted});
    if (is_caller_gone_) return;
    commands_.push_back(ClearPlayback{});
    tell({Turn::Speaker::system,
          fmt::format("The caller was on hold for {} seconds and hears you again.",
                      (lasted + 500) / 1'000)});
}

// ---- tones ------------------------------------------------------------------------------------

void Conversation::on(const DigitsAsked& event) {
    if (is_caller_gone_) return;
    if (is_away()) {
        note(journal::Problem{"digits_dropped", "the caller has been put through"});
        return;
    }
    const auto sounding =
        std::accumulate(digits_under_way_.begin(), digits_under_way_.end(), std::size_t{0});
    if (sounding + digits_.size() + event.digits.size() > digits_max) {
        note(journal::Problem{"digits_dropped", "too many wait already"});
        return;
    }
    digits_ += event.digits;
}

// Behind what has been said when they were asked for; what is said later comes behind them.
void Conversation::settle_digits() {
    if (digits_.empty() || !attached_ || is_caller_gone_ || is_item_open_) return;
    if (is_on_hold()) end_hold();
    const auto count = std::count_if(digits_.begin(), digits_.end(), audio::is_dtmf_key);
    note(journal::DigitsSent{static_cast<int>(count)});
    digits_under_way_.push_back(digits_.size());
    playout_.add_local(digits_item, audio::dtmf_tones(std::exchange(digits_, {})));
}

// ---- recording and messages ---------------------------------------------------------------------

void Conversation::on(const RecordingAsked& event) {
    if (is_caller_gone_ || event.is_on == is_recording_) return;
    is_recording_ = event.is_on;
    commands_.push_back(Record{event.is_on});
    if (event.is_on) {
        note(journal::RecordingStarted{event.notice});
    } else {
        note(journal::RecordingStopped{});
    }
}

void Conversation::on(const MessageTold& event) {
    note(journal::MessageSent{event.to, event.ok, event.detail});
}

}  // namespace parley::call
