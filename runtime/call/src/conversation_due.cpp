// What is due: timers, silence, wishes of the script, and the end of the call.
#include <parley/call/conversation.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::call {
namespace {

// What the model is asked to say when time, not the caller, gives the cue.
constexpr std::string_view say_still_there =
    "The caller has been silent for a while. Ask in one short sentence whether they are still there: \"Are you still there?\"";
constexpr std::string_view say_silent_goodbye =
    "The caller does not answer. Say goodbye in one short sentence and invite them to call again: \"I cannot hear you, so I will end "
    "the call here. Please call again. Goodbye.\"";
constexpr std::string_view say_time_is_up =
    "The time for this call is up. Do not start anything new. Tell the caller kindly and say goodbye in one or two short sentences: "
    "\"I am sorry, our time for this call is up. Please call again if you need more. Goodbye.\"";

// After the caller stops, the provider answers by itself. If it has not even begun by now it will
// not: ask.
constexpr milliseconds nudge_after{2'500};
constexpr milliseconds filler_repeat{7'000};
// a passed deadline that waits for something else is looked at this often
constexpr milliseconds recheck{50};

}  // namespace

void Conversation::settle() {
    if (is_away()) settle_away();
    if (is_finished_ || is_away()) return;
    settle_timers();
    if (is_finished_) return;
    settle_digits();
    play_music();
    if (attached_ && !is_caller_gone_) {
        const std::size_t before = commands_.size();
        playout_.send_due(now_, commands_);
        if (commands_.size() > before && !is_latency_noted_ && model_latency_.count() > 0) {
            is_latency_noted_ = true;
            note(journal::TurnLatency{
                model_latency_.count(),
                std::chrono::ceil<milliseconds>(now_ - caller_stopped_).count()});
            model_latency_ = milliseconds{0};
        }
        for (const auto& heard : playout_.take_heard(now_)) close_item(heard);
    }
    settle_keys();
    settle_says();
    settle_hold();
    settle_silence();
    settle_transfer();
    settle_ending();
}

void Conversation::settle_timers() {
    if (now_ >= retry_open_at_) open_engine();
    if (now_ >= retry_respond_at_ && link_ == Link::live) {
        retry_respond_at_ = TimePoint::max();
        respond({});
    }
    if (answer_expected_ && !active_response_ && !respond_requested_ && link_ == Link::live &&
        now_ >= progress_at_ + nudge_after) {
        answer_expected_ = false;
        respond({});
    }
    if (now_ >= rotate_at_ && !is_answer_due() && desk_.is_idle() && !is_caller_speaking_ &&
        has_finished_speaking() && !ending_) {
        rotate_at_ = TimePoint::max();
        is_rotating_ = true;
        open_engine();
    }
    // A provider that owes an answer and shows no sign of life is as good as gone.
    const bool is_stalled = link_ == Link::live && is_answer_due() &&
                            now_ >= progress_at_ + patience() && has_finished_speaking();
    if (is_stalled) lose_engine("stalled", true);
    if (link_ == Link::opening && now_ >= progress_at_ + patience())
        lose_engine("no answer to connecting", true);
    settle_waiting();
    if (attached_ && !ending_ && !transfer_ &&
        now_ >= *attached_ + away_for_ + policy_.duration_max)
        wrap_up("time_limit", "time_limit");
}

// A caller who waits in silence wonders whether the line is dead, whatever the reason: a slow
// model, a slow tool, a lost connection. Waiting begins when both have fallen silent, and ends with
// the agent's next sound.
void Conversation::settle_waiting() {
    const bool is_waiting =
        attached_ && !is_caller_gone_ && !ending_ && !is_caller_speaking_ && !is_on_hold() &&
        (waits_in_vain() || is_answer_due() || !desk_.is_idle() || are_results_unanswered_);
    if (!is_waiting) {
        waiting_since_ = TimePoint::max();
        filler_played_.reset();
        return;
    }
    if (waiting_since_ == TimePoint::max() || !playout_.is_idle(now_)) waiting_since_ = now_;
    if (now_ < filler_due()) return;
    filler_played_ = now_;
    play_phrase("one_moment", phrases_->one_moment);
}

TimePoint Conversation::filler_due() const {
    if (waiting_since_ == TimePoint::max()) return TimePoint::max();
    const TimePoint due =
        waiting_since_ + (waits_in_vain() ? policy_.filler_after_loss : policy_.filler_after);
    return filler_played_ ? std::max(due, *filler_played_ + filler_repeat) : due;
}

void Conversation::settle_keys() {
    const bool is_due =
        !keys_.empty() && last_key_ != TimePoint::max() && now_ >= last_key_ + policy_.dtmf_pause;
    if (!is_due || says_.is_asked() ||
        std::any_of(keys_.begin(), keys_.end(), [](const Key& key) { return key.is_with_script; }))
        return;
    last_key_ = TimePoint::max();
    std::string digits;
    for (const auto& key : std::exchange(keys_, {})) digits += key.digit;
    tell({Turn::Speaker::system, fmt::format("The caller pressed these keys: {}", digits)});
    if (link_ == Link::live && !ending_) respond({});
}

void Conversation::settle_says() {
    const bool is_free = attached_ && !is_caller_gone_ && link_ == Link::live && is_greeted_ &&
                         !is_caller_speaking_ && !is_answer_due() &&
                         retry_respond_at_ == TimePoint::max();
    if (is_free && !ending_ && !hold_ && says_.is_empty() && playout_.is_idle(now_)) {
        if (auto slow = desk_.take_slow(now_)) {
            says_.add({SayQueue::Wish::Kind::exactly, std::move(slow->phrase), 0,
                       std::move(slow->tool_call_id)});
        }
    }
    if (is_free && now_ >= say_not_before_) {
        if (const auto instructions = says_.begin()) respond(*instructions);
    }
    for (auto& done : says_.take_done()) tell_agent(std::move(done));
}

void Conversation::wrap_up(std::string reason, std::string default_outcome) {
    says_.end(SayDone::How::hung_up);
    begin_ending({std::move(reason), std::move(default_outcome), now_ + policy_.wrap_up_max,
                  now_ + policy_.wrap_up_max});
    if (link_ == Link::live) {
        respond(say_time_is_up);
    } else {
        play_phrase("goodbye", phrases_->goodbye);
    }
}

bool Conversation::is_quiet() const {
    return attached_ && !ending_ && link_ == Link::live && is_greeted_ && !is_caller_speaking_ &&
           !is_answer_due() && desk_.is_idle() && retry_respond_at_ == TimePoint::max() &&
           keys_.empty() && says_.is_empty() && !transfer_ && !hold_ && playout_.is_idle(now_);
}

void Conversation::settle_silence() {
    if (!is_quiet()) {
        quiet_since_ = TimePoint::max();
        silence_told_ = 0;
        return;
    }
    if (quiet_since_ == TimePoint::max()) quiet_since_ = now_;
    if (now_ < next_silence_at()) return;
    if (silence_prompts_ < policy_.silence_prompts_max) {
        ++silence_prompts_;
        if (hooks_.silence) {
            ++silence_told_;
            return tell_agent(CallerIsSilent{
                std::chrono::duration_cast<std::chrono::seconds>(now_ - quiet_since_)});
        }
        respond(say_still_there);
        return;
    }
    begin_ending(
        {"caller_silent", "no_booking", now_ + policy_.wrap_up_max, TimePoint::max(), true});
    respond(say_silent_goodbye);
}

TimePoint Conversation::next_silence_at() const {
    return quiet_since_ == TimePoint::max()
               ? TimePoint::max()
               : quiet_since_ + silence_before_prompt_ * (silence_told_ + 1);
}

void Conversation::begin_ending(Ending ending) {
    if (ending_) return;
    clear_line();
    ending_ = std::move(ending);
}

void Conversation::clear_line() {
    end_hold();
    if (transfer_ && !is_away())
        note(
            journal::Problem{"transfer_dropped", "the call ended before the line was handed over"});
    transfer_.reset();
}

void Conversation::settle_ending() {
    if (!ending_) return;
    const bool words_are_out = !is_answer_due() && desk_.is_idle() && !are_results_unanswered_ &&
                               says_.is_empty() && digits_.empty();
    const bool is_over = is_caller_gone_ ? desk_.is_idle() || now_ >= desk_.wait_until()
                                         : now_ >= ending_->hard_deadline ||
                                               ((words_are_out || now_ >= ending_->deadline) &&
                                                playout_.is_idle(now_));
    if (is_over) finish(ending_->reason, ending_->default_outcome);
}

void Conversation::give_up(std::string reason) {
    leave_with(std::move(reason), "error", "apology", phrases_->apology);
}

// The model speaks no more in this call: a phrase of our own is the last word.
void Conversation::leave_with(std::string reason, std::string outcome, std::string_view phrase,
                              const std::vector<std::uint8_t>& audio) {
    if (ending_ && ending_->reason == reason) return;
    clear_line();
    digits_.clear();
    link_ = Link::dead;
    active_response_.reset();
    respond_requested_ = answer_expected_ = are_results_unanswered_ = false;
    retry_respond_at_ = TimePoint::max();
    says_.end(SayDone::How::no_model);
    // Without the phrase the carrier's document has to speak: the reason tells the webhook so.
    if (audio.empty()) reason += "_unspoken";
    ending_ = Ending{std::move(reason), std::move(outcome), now_, now_ + policy_.wrap_up_max};
    play_phrase(phrase, audio);
}

void Conversation::finish(std::string_view reason, std::string_view default_outcome) {
    end_hold();
    for (const auto& heard : playout_.interrupt(now_)) close_item(heard);
    says_.end(SayDone::How::hung_up);
    for (auto& done : says_.take_done()) tell_agent(std::move(done));
    if (attached_ && !is_caller_gone_) commands_.push_back(HangUp{});
    const std::string outcome = outcome_.empty() ? std::string(default_outcome) : outcome_;
    const auto lasted =
        std::chrono::duration_cast<milliseconds>(now_ - attached_.value_or(created_));
    note(journal::CallEnded{outcome, std::string(reason), lasted.count()});
    totals_.duration = lasted;
    totals_.tool_calls = desk_.count();
    commands_.push_back(Finish{outcome, std::string(reason), totals_});
    is_finished_ = true;
}

void Conversation::play_phrase(std::string_view name, const std::vector<std::uint8_t>& audio) {
    playout_.add_local(name, audio);
}

Conversation::State Conversation::state() const {
    if (is_finished_) return State::finished;
    if (ending_) return State::ending;
    if (is_away()) return State::away;
    if (is_on_hold()) return State::on_hold;
    if (!attached_ || link_ != Link::live) return State::connecting;
    if (!desk_.is_idle()) return State::running_tool;
    return playout_.is_audible(now_) ? State::speaking : State::listening;
}

TimePoint Conversation::next_alarm() const {
    if (is_finished_) return TimePoint::max();
    if (is_away()) return next_away();
    TimePoint next = std::min(
        {retry_open_at_, attached_ && !is_caller_gone_ ? playout_.next_due() : TimePoint::max()});
    const auto consider = [&](TimePoint since, milliseconds after) {
        if (since != TimePoint::max()) next = std::min(next, since + after);
    };
    if (link_ == Link::live) consider(retry_respond_at_, milliseconds{0});
    const bool is_script_asked =
        std::any_of(keys_.begin(), keys_.end(), [](const Key& key) { return key.is_with_script; });
    if (!keys_.empty() && !is_script_asked) consider(last_key_, policy_.dtmf_pause);
    if (says_.is_waiting() && say_not_before_ > now_) consider(say_not_before_, milliseconds{0});
    if (link_ == Link::live && answer_expected_ && !respond_requested_ && !active_response_)
        consider(progress_at_, nudge_after);
    if (link_ == Link::opening || (link_ == Link::live && is_answer_due()))
        consider(progress_at_, patience());
    if (attached_ && !ending_) {
        if (!transfer_) consider(*attached_ + away_for_, policy_.duration_max);
        if (playout_.is_idle(now_)) next = std::min(next, filler_due());
        consider(rotate_at_, milliseconds{0});
    }
    consider(next_silence_at(), milliseconds{0});
    // A phrase that is due while somebody speaks is spoken with the event that ends it.
    if (attached_ && !ending_ && desk_.next_slow() > now_)
        consider(desk_.next_slow(), milliseconds{0});
    if (attached_ && transfer_) consider(transfer_->deadline, milliseconds{0});
    if (is_on_hold()) {
        consider(*hold_->began, policy_.hold_max);
        if (needs_music()) next = std::min<TimePoint>(next, now_ + recheck);
    }
    if (ending_) next = std::min({next, ending_->deadline, ending_->hard_deadline});
    if (is_caller_gone_) next = std::min(next, desk_.wait_until());
    return next > now_ ? next : now_ + recheck;
}

}  // namespace parley::call
