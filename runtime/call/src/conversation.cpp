#include <parley/call/conversation.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::call {
namespace {

// What the model is asked to say when the runtime, not the caller, gives the cue. Plain words: any
// model understands them.
constexpr std::string_view say_greeting =
    "Begin the call now. Say exactly this to the caller and then wait: \"{}\"";
constexpr std::string_view say_goodbye =
    "Say goodbye to the caller in one short sentence: \"Goodbye.\"";
constexpr std::string_view say_we_are_back =
    "The line was interrupted for a moment. Say so in a few words and go on where you were; if the caller may have spoken meanwhile, "
    "ask them to repeat it: \"Sorry, the line broke up for a moment. Could you repeat that?\"";

constexpr milliseconds reconnect_delay_max{4'000};
constexpr milliseconds retry_delay_default{500};
constexpr milliseconds retry_delay_max{5'000};
// a loss this long may have swallowed a sentence of the caller
constexpr milliseconds gap_worth_asking{2'000};
constexpr milliseconds rotate_retry_after{30'000};
constexpr std::size_t discarded_max = 32;
// replayed to a new connection; older ones are left out
constexpr std::size_t history_turns_max = 200;
constexpr std::size_t keys_max = 64;

}  // namespace

Conversation::Conversation(Policy policy, std::shared_ptr<const Phrases> phrases, TimePoint now)
    : policy_(policy),
      phrases_(std::move(phrases)),
      playout_(policy.playout),
      now_(now),
      created_(now),
      silence_before_prompt_(policy.silence_before_prompt) {}

const std::vector<Command>& Conversation::handle(const Event& event, TimePoint now) {
    now_ = now;
    commands_.clear();
    if (is_finished_) return commands_;
    // The audio path ends here: nothing else can have become due by a frame of the caller's audio.
    if (const auto* audio = std::get_if<CallerAudio>(&event)) {
        on(*audio);
        return commands_;
    }
    std::visit([this](const auto& each) { on(each); }, event);
    if (!is_finished_) settle();
    return commands_;
}

// ---- the caller -----------------------------------------------------------------------------

void Conversation::on(const CallerAttached&) {
    if (attached_) {
        if (!is_away()) return;
        on(TransferEnded{TransferEnded::How::failed, "the caller is back"});  // if untold so far
        return come_back();
    }
    attached_ = now_;
    if (transfer_) transfer_->deadline = now_ + policy_.wrap_up_max;
    if (is_over_budget_)
        return leave_with("cost_limit", "cost_limit", "over_budget", phrases_->over_budget);
    if (link_ == Link::dead)
        return give_up(is_agent_broken_ ? "agent_unavailable" : "provider_unavailable");
    greet();
}

void Conversation::on(const CallerAudio& event) {
    if (is_away()) return hear_while_away();
    if (link_ == Link::live && !is_caller_gone_ && !is_on_hold())
        commands_.push_back(AppendAudio{event.audio});
}

void Conversation::on(const DtmfPressed& event) {
    note(journal::DtmfReceived{});
    quiet_since_ = TimePoint::max();
    // '#' is how callers finish a number; otherwise a pause does.
    last_key_ = event.digit == '#' ? now_ - policy_.dtmf_pause : now_;
    if (keys_.size() >= keys_max) return;
    keys_.push_back({++key_ids_, event.digit, hooks_.dtmf});
    if (hooks_.dtmf) tell_agent(KeyPressed{key_ids_, event.digit});
}

void Conversation::on(const KeyAnswered& event) {
    const auto key = std::find_if(keys_.begin(), keys_.end(),
                                  [&](const Key& each) { return each.id == event.key_id; });
    if (key == keys_.end()) return;
    if (event.is_handled) {
        keys_.erase(key);
    } else {
        key->is_with_script = false;
    }
}

void Conversation::on(const MarkPlayed& event) { playout_.mark_played(event.mark, now_); }

void Conversation::on(const CallerGone& event) {
    if (is_caller_gone_) return;
    std::string reason = event.how == CallerGone::How::hung_up ? "caller_hung_up" : "channel_lost";
    if (event.how == CallerGone::How::lost) note(journal::Problem{"channel_lost", event.detail});
    if (ending_) reason = ending_->reason;  // the line dropped while last words were spoken
    leave(std::move(reason), ending_ ? ending_->default_outcome : "caller_hung_up");
}

void Conversation::leave(std::string reason, std::string default_outcome) {
    is_caller_gone_ = true;
    clear_line();
    digits_.clear();
    for (const auto& heard : playout_.interrupt(now_)) close_item(heard);
    says_.end(SayDone::How::hung_up);
    if (desk_.is_idle()) return finish(reason, default_outcome);
    // What a tool has begun, it may finish: a booking that went through must not end as "no
    // booking".
    desk_.caller_gone(now_, policy_.tools_after_hang_up);
    ending_ =
        Ending{std::move(reason), std::move(default_outcome), TimePoint::max(), TimePoint::max()};
}

// ---- the engine -----------------------------------------------------------------------------

void Conversation::on(const AgentPrepared& event) {
    desk_.set_options(event.tools);
    hooks_ = event.hooks;
    interruptions_ = event.interruptions;
    silence_before_prompt_ = event.silence_before_prompt.value_or(policy_.silence_before_prompt);
    if (std::exchange(is_prepared_, true)) return;  // other rules for the same call
    prepared_greeting_ = event.greeting;
    if (!is_over_budget_) open_engine();
}

void Conversation::on(const AgentUnavailable& event) {
    note(journal::Problem{"agent_unavailable", event.what});
    is_agent_broken_ = true;
    link_ = Link::dead;
    if (attached_) give_up("agent_unavailable");
}

void Conversation::open_engine() {
    if (link_ != Link::live) link_ = Link::opening;
    retry_open_at_ = TimePoint::max();
    progress_at_ = now_;
    if (!first_opened_) first_opened_ = now_;
    commands_.push_back(OpenEngine{history()});
}

void Conversation::on(const EngineReady& event) {
    rotate_at_ = TimePoint::max();
    if (event.expires_at) {
        // Rotating needs time before the limit; a very short session is rotated at half its life.
        const auto life = *event.expires_at - now_;
        rotate_at_ =
            *event.expires_at - std::min<Clock::duration>(policy_.rotate_before_expiry, life / 2);
    }
    const bool is_first = link_ == Link::opening && lost_at_ == TimePoint::max();
    const auto gap = lost_at_ == TimePoint::max()
                         ? milliseconds{0}
                         : std::chrono::duration_cast<milliseconds>(now_ - lost_at_);
    const bool was_rotated = std::exchange(is_rotating_, false);
    // The new connection knows nothing of what the earlier one was doing.
    if ((active_response_ || respond_requested_) && !is_saying()) is_answer_owed_ = true;
    says_.engine_lost();
    active_response_.reset();
    respond_requested_ = answer_expected_ = is_caller_speaking_ = false;
    ++connection_;
    link_ = Link::live;
    lost_at_ = TimePoint::max();
    if (is_first) {
        note(journal::ProviderReady{
            std::chrono::duration_cast<milliseconds>(now_ - first_opened_.value_or(now_)).count()});
    } else {
        note(journal::ProviderRestored{gap.count(), was_rotated});
    }
    if (!is_greeted_) return greet();
    if (is_away()) return;
    if (std::exchange(is_return_untold_, false)) {
        respond({});
    } else if (ending_) {
        if (is_answer_owed_) respond(say_goodbye);
    } else if (is_answer_owed_ || (gap >= gap_worth_asking && !is_on_hold())) {
        respond(say_we_are_back);
    }
    is_answer_owed_ = false;
}

void Conversation::greet() {
    if (is_greeted_ || !attached_ || link_ != Link::live) return;
    is_greeted_ = true;
    if (prepared_greeting_ && !prepared_greeting_->empty())
        respond(fmt::format(fmt::runtime(say_greeting), *prepared_greeting_));
}

void Conversation::on(const CallerSpeechStarted& event) {
    silence_prompts_ = 0;
    desk_.caller_spoke();
    said(event.item_id, Turn::Speaker::caller);
    if (is_away() || is_on_hold()) return;  // from before that: the model hears nothing more
    is_caller_speaking_ = true;
    answer_expected_ = false;
    if (ending_) {
        if (!ending_->may_be_interrupted) return;  // last words are heard to the end
        ending_.reset();
    }
    // heard, and answered afterwards
    if (interruptions_ == AgentPrepared::Interruptions::ignored || transfer_ ||
        !digits_under_way_.empty())
        return;
    interrupt();
    says_.caller_cut_in();
}

void Conversation::interrupt() {
    const bool was_under_way = active_response_ || respond_requested_ || !playout_.is_idle(now_);
    if (!was_under_way) return;
    const auto cut = playout_.interrupt(now_);
    // Also when nothing of ours is queued: the carrier may still be playing.
    commands_.push_back(ClearPlayback{});
    if (active_response_) {
        discarded_.insert(*active_response_);
        if (discarded_.size() > discarded_max) discarded_.erase(discarded_.begin());
    }
    if (respond_requested_ || (active_response_ && !policy_.engine_interrupts_itself)) {
        commands_.push_back(CancelResponse{});
    } else {
        commands_.push_back(WithdrawResponse{});  // the server's answer may have overtaken a wish
    }
    respond_requested_ = is_item_open_ = false;
    retry_respond_at_ = TimePoint::max();
    bool is_first = true;
    for (const auto& heard : cut) {
        if (!heard.is_local) {
            if (!heard.response_id.empty()) discarded_.insert(heard.response_id);
            commands_.push_back(Truncate{heard.item_id, heard.content_index, heard.heard_ms});
            if (std::exchange(is_first, false)) {
                note(journal::Interrupted{heard.item_id, heard.heard_ms, heard.received_ms});
                ++totals_.interruptions;
            }
        }
        close_item(heard, Cut::by_caller);
    }
}

void Conversation::on(const CallerSpeechStopped&) {
    if (is_away() || is_on_hold()) return;
    is_caller_speaking_ = false;
    caller_stopped_ = now_;
    is_latency_noted_ = false;
    answer_expected_ = true;
    progress_at_ = now_;
}

void Conversation::on(const CallerTranscribed& event) {
    Said& utterance = said(event.item_id, Turn::Speaker::caller);
    utterance.turn.text = event.text;
    utterance.is_closed = true;
    if (event.usage) {
        totals_.cost_usd += event.usage->cost_usd;
        note(journal::UsageCounted{"", *event.usage, event.item_id, totals_.cost_usd});
    }
    if (event.text.empty()) return;
    ++totals_.turns;
    notes_.push_back({utterance.began, journal::CallerSaid{event.item_id, event.text}});
    if (hooks_.caller_said) tell_agent(CallerWasHeard{event.text});
}

void Conversation::on(const ResponseStarted& event) {
    if (is_away()) {  // the server's own answer to the last that it heard
        discarded_.insert(event.response_id);
        commands_.push_back(CancelResponse{});
        return;
    }
    active_response_ = event.response_id;
    answer_expected_ = false;
    if (event.is_asked_for) {
        says_.response_started(event.response_id);
        respond_requested_ = false;
    }
    if (!says_.is_current(event.response_id)) are_results_unanswered_ = false;
    has_response_spoken_ = false;
    progress_at_ = now_;
}

void Conversation::on(const AgentAudio& event) {
    if (discarded_.contains(event.response_id) || is_caller_gone_ || is_away()) return;
    if (hold_) speak_on_hold(event.response_id);
    progress_at_ = now_;
    failed_in_row_ = 0;
    has_response_spoken_ = is_item_open_ = true;
    filler_played_.reset();
    // not before: a server that takes every connection and drops it must not be tried for ever
    reconnects_ = 0;
    if (!is_latency_noted_ && model_latency_.count() == 0) {
        model_latency_ = std::chrono::ceil<milliseconds>(now_ - caller_stopped_);
    }
    said(event.item_id, Turn::Speaker::agent);
    says_.audio(event.response_id, event.item_id);
    playout_.add(event.response_id, event.item_id, event.content_index, event.audio);
}

void Conversation::on(const AgentText& event) {
    if (discarded_.contains(event.response_id)) return;
    progress_at_ = now_;
    said(event.item_id, Turn::Speaker::agent).turn.text += event.delta;
}

void Conversation::on(const AgentItemDone& event) {
    if (discarded_.contains(event.response_id)) return;
    playout_.finish_item();
    is_item_open_ = false;
    if (event.text.empty()) return;
    Said& utterance = said(event.item_id, Turn::Speaker::agent);
    if (!utterance.is_closed) utterance.turn.text = event.text;
}

void Conversation::on(const ToolCalled& event) {
    progress_at_ = now_;
    if (is_caller_gone_ || desk_.has_seen(event.tool_call_id)) return;
    note(journal::ToolStarted{event.tool_call_id, event.name, event.arguments});
    if (auto run = desk_.called(event, connection_, now_)) commands_.push_back(std::move(*run));
}

void Conversation::on(const ResponseDone& event) {
    if (event.usage) {
        totals_.cost_usd += event.usage->cost_usd;
        note(journal::UsageCounted{event.response_id, *event.usage, "", totals_.cost_usd});
    }
    if (active_response_ == event.response_id) active_response_.reset();
    playout_.finish_item();
    is_item_open_ = false;
    if (event.status == ResponseDone::Status::failed) {
        note(journal::Problem{"response_failed", event.detail});
        if (is_away()) return;
        respond_requested_ = false;
        if (!event.may_retry || ++failed_in_row_ > policy_.response_retries_max)
            return give_up("provider_failed");
        const TimePoint again_at =
            now_ + std::min(event.retry_after.value_or(retry_delay_default), retry_delay_max);
        (says_.response_done(event.response_id, event.status) ? say_not_before_
                                                              : retry_respond_at_) = again_at;
        return;
    }
    says_.response_done(event.response_id, event.status);
    if (event.status == ResponseDone::Status::incomplete)
        note(journal::Problem{"response_incomplete", event.detail});
    answer_tools();
}

void Conversation::on(const EngineProblem& event) {
    note(journal::Problem{event.code, event.message});
    // The old connection still serves; it has some minutes left.
    if (is_rotating_ && event.code == "rotation_failed") {
        is_rotating_ = false;
        rotate_at_ = now_ + rotate_retry_after;
    }
}

void Conversation::on(const EngineLost& event) { lose_engine(event.reason, event.may_retry); }

void Conversation::lose_engine(const std::string& reason, bool may_retry) {
    if (is_caller_gone_) {
        link_ = Link::dead;
        return;
    }
    if (lost_at_ == TimePoint::max()) {
        lost_at_ = now_;
        note(journal::ProviderLost{reason});
    } else {
        note(journal::Problem{"reconnect_failed", reason});
    }
    if (is_away()) {  // connected anew when the caller is back
        is_rotating_ = false;
        rotate_at_ = TimePoint::max();
        link_ = may_retry ? Link::none : Link::dead;
        return;
    }
    // What was received is still played; what was being made is gone.
    playout_.finish_item();
    is_item_open_ = false;
    if (active_response_) discarded_.insert(*active_response_);
    is_answer_owed_ = is_answer_owed_ || (is_answer_due() && !is_saying()) || is_caller_speaking_ ||
                      retry_respond_at_ != TimePoint::max();
    // A call that is ending does not wait for another connection to say goodbye.
    if (ending_ && (respond_requested_ || (active_response_ && !has_response_spoken_)))
        play_phrase("goodbye", phrases_->goodbye);
    says_.engine_lost();
    if (ending_) says_.end(SayDone::How::no_model);
    active_response_.reset();
    respond_requested_ = answer_expected_ = is_caller_speaking_ = is_rotating_ = false;
    retry_respond_at_ = rotate_at_ = TimePoint::max();
    if (!may_retry || reconnects_ >= policy_.reconnects_max) {
        link_ = Link::dead;
        if (attached_) give_up("provider_lost");
        return;
    }
    link_ = Link::waiting;
    const auto delay = std::min(policy_.reconnect_first_delay * (1 << std::min(reconnects_, 8)),
                                reconnect_delay_max);
    ++reconnects_;
    retry_open_at_ = now_ + delay;
}

// ---- tools and the script -------------------------------------------------------------------

void Conversation::on(const ToolFinished& event) {
    auto finished = desk_.finished(event);
    if (finished.again) {
        note(journal::Problem{"tool_run_again", finished.again->name});
        commands_.push_back(std::move(*finished.again));
        return;
    }
    if (finished.results.empty()) return;
    says_.tool_finished(event.tool_call_id);
    for (const auto& result : finished.results) {
        const auto took = std::chrono::duration_cast<milliseconds>(now_ - result.started);
        note(journal::ToolReturned{result.tool_call_id, result.name, result.ok, result.output,
                                   took.count()});
        if (is_caller_gone_) continue;
        if (result.connection == connection_ && link_ == Link::live) {
            commands_.push_back(SendToolOutput{result.tool_call_id, result.output});
        } else {
            // The connection that asked is gone, and with it the call's id: the new one gets the
            // result as text.
            tell({Turn::Speaker::system,
                  fmt::format("The tool {} has returned: {}", result.name, result.output)});
            if (link_ != Link::live) is_answer_owed_ = true;
        }
    }
    if (is_caller_gone_) return;
    are_results_unanswered_ = true;
    answer_tools();
}

void Conversation::on(const ToolsOffered& event) { commands_.push_back(OfferTools{event.tools}); }

// One answer for all results of a response, once that response is over. A caller who is speaking
// gets it with the answer to what they are saying.
void Conversation::answer_tools() {
    if (says_.is_asked()) return;                    // two wishes at once would become one
    if (transfer_) are_results_unanswered_ = false;  // the words of a transfer are the last ones
    if (!are_results_unanswered_ || !desk_.is_idle() || active_response_ || is_caller_speaking_ ||
        link_ != Link::live)
        return;
    are_results_unanswered_ = false;
    if (ending_ && (has_response_spoken_ || respond_requested_)) return;  // goodbye has been said
    respond(ending_ ? say_goodbye : std::string_view{});
}

void Conversation::on(const OutcomeSet& event) { outcome_ = event.outcome; }

void Conversation::on(const HangUpAsked&) {
    if (transfer_) {
        note(journal::Problem{"hang_up_dropped", "the caller is being put through"});
        return;
    }
    const auto patience = now_ + policy_.wrap_up_max;
    begin_ending({"agent_hung_up", "no_booking", patience, TimePoint::max(), true});
}

void Conversation::on(const TextInjected& event) {
    tell({Turn::Speaker::system, event.text});
    if (!event.respond || link_ != Link::live || transfer_) return;
    if (says_.is_asked()) {
        are_results_unanswered_ = true;  // answered after what the script says now
    } else {
        respond({});
    }
}

void Conversation::on(const SayAsked& event) {
    if (is_caller_gone_ || is_away())
        return tell_agent(SayDone{event.say_id, SayDone::How::hung_up, ""});
    // Before the call has been prepared there is no model that could speak, and on_start would wait
    // for ever.
    if (!prepared_greeting_ || link_ == Link::dead)
        return tell_agent(SayDone{event.say_id, SayDone::How::no_model, ""});
    says_.add({SayQueue::Wish::Kind::exactly, event.text, event.say_id});
}

void Conversation::on(const ModelAsked& event) {
    if (is_caller_gone_ || link_ == Link::dead) return;
    if (is_away()) {
        note(journal::Problem{"ask_model_dropped", "the caller has been put through"});
        return;
    }
    if (!says_.add({SayQueue::Wish::Kind::instructed, event.instructions}))
        note(journal::Problem{"ask_model_dropped", "too much waits to be said"});
}

void Conversation::on(const NoteTaken& event) { note(journal::Note{event.text, event.fields}); }

void Conversation::on(const DrainAsked&) {
    if (is_away()) return leave("transferred", "transferred");  // the carrier needs us no more
    if (!attached_) return finish("shutdown", "no_booking");
    if (!ending_) wrap_up("shutdown", "no_booking");
}

void Conversation::on(const EndAsked& event) {
    if (is_caller_gone_) return;  // a tool finishes its work, and then it is over anyway
    if (is_away()) return leave("ended_by_operator", "transferred");
    if (!attached_ || event.words.empty()) return finish("ended_by_operator", "no_booking");
    if (ending_) return;
    says_.end(SayDone::How::hung_up);
    begin_ending({"ended_by_operator", "no_booking", now_ + policy_.wrap_up_max,
                  now_ + 2 * policy_.wrap_up_max});
    if (link_ == Link::live) {
        says_.add({SayQueue::Wish::Kind::exactly, event.words});
    } else {
        play_phrase("goodbye", phrases_->goodbye);
    }
}

void Conversation::on(const BudgetSpent& event) {
    if (std::exchange(is_over_budget_, true)) return;
    note(journal::Problem{"cost_limit", event.what});
    if (ending_ || !attached_ || is_away()) return;
    if (link_ == Link::live && is_greeted_) return wrap_up("cost_limit", "cost_limit");
    leave_with("cost_limit", "cost_limit", "over_budget", phrases_->over_budget);
}

void Conversation::tell(Turn turn) {
    if (link_ == Link::live) commands_.push_back(InjectText{turn});
    said_.push_back({"", std::move(turn), true, now_});
}

bool Conversation::is_saying() const {
    return says_.is_asked() || (active_response_ && says_.is_current(*active_response_));
}

void Conversation::respond(std::string_view instructions) {
    respond_requested_ = true;
    progress_at_ = now_;
    quiet_since_ = TimePoint::max();
    commands_.push_back(Respond{std::string(instructions)});
}

// ---- the record -----------------------------------------------------------------------------

void Conversation::close_item(const Playout::Heard& heard, Cut cut) {
    if (heard.is_local && heard.item_id == digits_item) digits_under_way_.pop_front();
    if (heard.is_local) return;
    Said& utterance = said(heard.item_id, Turn::Speaker::agent);
    if (utterance.is_closed) return;
    utterance.is_closed = true;
    const bool is_cut = heard.heard_ms < heard.received_ms;
    auto [text, rest] = split_heard(utterance.turn.text, heard.heard_ms, heard.received_ms);
    utterance.turn.text = text;
    ++totals_.turns;
    says_.item_closed(heard, text);
    if (is_cut && cut == Cut::by_caller && hooks_.interrupted)
        tell_agent(AgentWasCutOff{text, rest});
    if (hooks_.agent_said) tell_agent(AgentWasHeard{text, rest});
    notes_.push_back(
        {utterance.began, journal::AgentSaid{heard.item_id, std::move(text), std::move(rest),
                                             heard.heard_ms, heard.received_ms, is_cut}});
}

Conversation::Said& Conversation::said(std::string_view item_id, Turn::Speaker speaker) {
    // The newest few are the ones spoken of.
    for (auto it = said_.rbegin(); it != said_.rend(); ++it) {
        if (it->item_id == item_id && it->turn.speaker == speaker) return *it;
    }
    said_.push_back({std::string(item_id), {speaker, ""}, false, now_});
    return said_.back();
}

std::vector<Turn> Conversation::history() const {
    std::vector<Turn> turns;
    const std::size_t first =
        said_.size() > history_turns_max ? said_.size() - history_turns_max : 0;
    for (std::size_t i = first; i < said_.size(); ++i) {
        if (!said_[i].turn.text.empty()) turns.push_back(said_[i].turn);
    }
    return turns;
}

}  // namespace parley::call
