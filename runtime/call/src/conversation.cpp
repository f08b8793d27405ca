#include <parley/call/conversation.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::call {
namespace {

// What the model is asked to say when the runtime, not the caller, gives the cue. Plain words: any model understands them.
constexpr std::string_view say_greeting = "Begin the call now. Say exactly this to the caller and then wait: \"{}\"";
constexpr std::string_view say_still_there =
    "The caller has been silent for a while. Ask in one short sentence whether they are still there: \"Are you still there?\"";
constexpr std::string_view say_silent_goodbye =
    "The caller does not answer. Say goodbye in one short sentence and invite them to call again: \"I cannot hear you, so I will end "
    "the call here. Please call again. Goodbye.\"";
constexpr std::string_view say_time_is_up =
    "The time for this call is up. Do not start anything new. Tell the caller kindly and say goodbye in one or two short sentences: "
    "\"I am sorry, our time for this call is up. Please call again if you need more. Goodbye.\"";
constexpr std::string_view say_goodbye = "Say goodbye to the caller in one short sentence: \"Goodbye.\"";
constexpr std::string_view say_we_are_back =
    "The line was interrupted for a moment. Say so in a few words and go on where you were; if the caller may have spoken meanwhile, "
    "ask them to repeat it: \"Sorry, the line broke up for a moment. Could you repeat that?\"";

// After the caller stops, the provider answers by itself. If it has not even begun by now it will not: ask.
constexpr milliseconds nudge_after{2'500};
constexpr milliseconds reconnect_delay_max{4'000};
constexpr milliseconds retry_delay_default{500};
constexpr milliseconds retry_delay_max{5'000};
constexpr milliseconds gap_worth_asking{2'000};   // a loss this long may have swallowed a sentence of the caller
constexpr milliseconds rotate_retry_after{30'000};
constexpr milliseconds filler_repeat{7'000};
constexpr milliseconds recheck{50};               // a passed deadline that waits for something else is looked at this often
constexpr std::size_t discarded_max = 32;
constexpr std::size_t history_turns_max = 200;    // replayed to a new connection; older ones are left out
constexpr std::size_t digits_max = 64;

}  // namespace

Conversation::Conversation(Policy policy, std::shared_ptr<const Phrases> phrases, TimePoint now)
    : policy_(policy), phrases_(std::move(phrases)), playout_(policy.playout), now_(now), created_(now) {}

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
    attached_ = now_;
    if (link_ == Link::dead) return give_up(is_agent_broken_ ? "agent_unavailable" : "provider_unavailable");
    greet();
}

void Conversation::on(const CallerAudio& event) {
    if (link_ == Link::live && !is_caller_gone_) commands_.push_back(AppendAudio{event.audio});
}

void Conversation::on(const DtmfPressed& event) {
    note(journal::DtmfReceived{});
    quiet_since_ = TimePoint::max();
    if (digits_.size() < digits_max) digits_ += event.digit;
    // '#' is how callers finish a number; otherwise a pause does.
    last_digit_ = event.digit == '#' ? now_ - policy_.dtmf_pause : now_;
}

void Conversation::on(const MarkPlayed& event) { playout_.mark_played(event.mark, now_); }

void Conversation::on(const CallerGone& event) {
    if (is_caller_gone_) return;
    is_caller_gone_ = true;
    for (const auto& heard : playout_.interrupt(now_)) close_item(heard);
    std::string reason = event.how == CallerGone::How::hung_up ? "caller_hung_up" : "channel_lost";
    if (event.how == CallerGone::How::lost) note(journal::Problem{"channel_lost", event.detail});
    if (ending_) reason = ending_->reason;  // the line dropped while last words were spoken
    const std::string fallback = ending_ ? ending_->default_outcome : "caller_hung_up";
    if (tools_.empty()) return finish(reason, fallback);
    // What a tool has begun, it may finish: a booking that went through must not end as "no booking".
    ending_ = Ending{reason, fallback, now_ + policy_.tools_after_hang_up, now_ + policy_.tools_after_hang_up};
}

// ---- the engine -----------------------------------------------------------------------------

void Conversation::on(const AgentPrepared& event) {
    prepared_greeting_ = event.greeting;
    open_engine();
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
    commands_.push_back(OpenEngine{history()});
}

void Conversation::on(const EngineReady& event) {
    rotate_at_ = TimePoint::max();
    if (event.expires_at) {
        // Rotating needs time before the limit; a very short session is rotated at half its life.
        const auto life = *event.expires_at - now_;
        rotate_at_ = *event.expires_at - std::min<Clock::duration>(policy_.rotate_before_expiry, life / 2);
    }
    const bool is_first = link_ == Link::opening && lost_at_ == TimePoint::max();
    const auto gap = lost_at_ == TimePoint::max() ? milliseconds{0} : std::chrono::duration_cast<milliseconds>(now_ - lost_at_);
    const bool was_rotated = std::exchange(is_rotating_, false);
    // The new connection knows nothing of what the earlier one was doing.
    if (active_response_ || respond_requested_) is_answer_owed_ = true;
    active_response_.reset();
    respond_requested_ = answer_expected_ = is_caller_speaking_ = false;
    ++connection_;
    link_ = Link::live;
    lost_at_ = TimePoint::max();
    if (is_first) return greet();
    note(journal::ProviderRestored{gap.count(), was_rotated});
    if (!is_greeted_) return greet();
    if (ending_) {
        if (is_answer_owed_) respond(say_goodbye);
    } else if (is_answer_owed_ || gap >= gap_worth_asking) {
        respond(say_we_are_back);
    }
    is_answer_owed_ = false;
}

void Conversation::greet() {
    if (is_greeted_ || !attached_ || link_ != Link::live) return;
    is_greeted_ = true;
    if (prepared_greeting_ && !prepared_greeting_->empty()) respond(fmt::format(fmt::runtime(say_greeting), *prepared_greeting_));
}

void Conversation::on(const CallerSpeechStarted& event) {
    is_caller_speaking_ = true;
    answer_expected_ = false;
    silence_prompts_ = 0;
    said(event.item_id, Turn::Speaker::caller);
    if (ending_) {
        if (!ending_->may_be_interrupted) return;  // last words are heard to the end
        ending_.reset();
    }
    interrupt();
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
    if (respond_requested_ || (active_response_ && !policy_.engine_interrupts_itself)) commands_.push_back(CancelResponse{});
    respond_requested_ = false;
    retry_respond_at_ = TimePoint::max();
    bool is_first = true;
    for (const auto& heard : cut) {
        if (!heard.is_local) {
            if (!heard.response_id.empty()) discarded_.insert(heard.response_id);
            commands_.push_back(Truncate{heard.item_id, heard.content_index, heard.heard_ms});
            if (std::exchange(is_first, false)) note(journal::Interrupted{heard.item_id, heard.heard_ms, heard.received_ms});
        }
        close_item(heard);
    }
}

void Conversation::on(const CallerSpeechStopped&) {
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
    if (event.usage) note(journal::UsageCounted{"", *event.usage, event.item_id});
    if (!event.text.empty()) notes_.push_back({utterance.began, journal::CallerSaid{event.item_id, event.text}});
}

void Conversation::on(const ResponseStarted& event) {
    active_response_ = event.response_id;
    respond_requested_ = answer_expected_ = false;
    are_results_unanswered_ = false;
    has_response_spoken_ = false;
    progress_at_ = now_;
}

void Conversation::on(const AgentAudio& event) {
    if (discarded_.contains(event.response_id) || is_caller_gone_) return;
    progress_at_ = now_;
    failed_in_row_ = 0;
    has_response_spoken_ = true;
    filler_played_.reset();
    reconnects_ = 0;  // not before: a server that takes every connection and drops it must not be tried for ever
    if (!is_latency_noted_ && model_latency_.count() == 0) {
        model_latency_ = std::chrono::ceil<milliseconds>(now_ - caller_stopped_);
    }
    said(event.item_id, Turn::Speaker::agent);
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
    if (event.text.empty()) return;
    Said& utterance = said(event.item_id, Turn::Speaker::agent);
    if (!utterance.is_closed) utterance.turn.text = event.text;
}

void Conversation::on(const ToolCalled& event) {
    progress_at_ = now_;
    if (is_caller_gone_ || !tools_seen_.insert(event.tool_call_id).second) return;
    note(journal::ToolStarted{event.tool_call_id, event.name, event.arguments});
    tools_[event.tool_call_id] = Tool{event.name, event.response_id, now_, connection_};
    commands_.push_back(RunTool{event.tool_call_id, event.name, event.arguments});
}

void Conversation::on(const ResponseDone& event) {
    if (event.usage) note(journal::UsageCounted{event.response_id, *event.usage});
    if (active_response_ == event.response_id) active_response_.reset();
    playout_.finish_item();
    if (event.status == ResponseDone::Status::failed) {
        note(journal::Problem{"response_failed", event.detail});
        respond_requested_ = false;
        if (!event.may_retry || ++failed_in_row_ > policy_.response_retries_max) return give_up("provider_failed");
        retry_respond_at_ = now_ + std::min(event.retry_after.value_or(retry_delay_default), retry_delay_max);
        return;
    }
    if (event.status == ResponseDone::Status::incomplete) note(journal::Problem{"response_incomplete", event.detail});
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
    // What was received is still played; what was being made is gone.
    playout_.finish_item();
    if (active_response_) discarded_.insert(*active_response_);
    is_answer_owed_ = is_answer_owed_ || is_answer_due() || is_caller_speaking_ || retry_respond_at_ != TimePoint::max();
    // A call that is ending does not wait for another connection to say goodbye.
    if (ending_ && (respond_requested_ || (active_response_ && !has_response_spoken_))) play_phrase("goodbye", phrases_->goodbye);
    active_response_.reset();
    respond_requested_ = answer_expected_ = is_caller_speaking_ = is_rotating_ = false;
    retry_respond_at_ = rotate_at_ = TimePoint::max();
    if (!may_retry || reconnects_ >= policy_.reconnects_max) {
        link_ = Link::dead;
        if (attached_) give_up("provider_lost");
        return;
    }
    link_ = Link::waiting;
    const auto delay = std::min(policy_.reconnect_first_delay * (1 << std::min(reconnects_, 8)), reconnect_delay_max);
    ++reconnects_;
    retry_open_at_ = now_ + delay;
}

// ---- tools and the script -------------------------------------------------------------------

void Conversation::on(const ToolFinished& event) {
    const auto found = tools_.find(event.tool_call_id);
    if (found == tools_.end()) return;  // delivered already: once is enough
    const Tool tool = std::move(found->second);
    tools_.erase(found);
    const auto took = std::chrono::duration_cast<milliseconds>(now_ - tool.started);
    note(journal::ToolReturned{event.tool_call_id, tool.name, event.ok, event.output, took.count()});
    if (is_caller_gone_) return;
    if (tool.connection == connection_ && link_ == Link::live) {
        commands_.push_back(SendToolOutput{event.tool_call_id, event.output});
    } else {
        // The connection that asked is gone, and with it the call's id: the new one gets the result as text.
        tell({Turn::Speaker::system, fmt::format("The tool {} has returned: {}", tool.name, event.output)});
        if (link_ != Link::live) is_answer_owed_ = true;
    }
    are_results_unanswered_ = true;
    answer_tools();
}

// One answer for all results of a response, once that response is over. A caller who is speaking gets it
// with the answer to what they are saying.
void Conversation::answer_tools() {
    if (!are_results_unanswered_ || !tools_.empty() || active_response_ || is_caller_speaking_ || link_ != Link::live) return;
    are_results_unanswered_ = false;
    if (ending_ && (has_response_spoken_ || respond_requested_)) return;  // goodbye has been said
    respond(ending_ ? say_goodbye : std::string_view{});
}

void Conversation::on(const OutcomeSet& event) { outcome_ = event.outcome; }

void Conversation::on(const HangUpAsked&) {
    const auto patience = now_ + policy_.wrap_up_max;
    begin_ending({"agent_hung_up", "no_booking", patience, TimePoint::max(), true});
}

void Conversation::on(const TextInjected& event) {
    tell({Turn::Speaker::system, event.text});
    if (event.respond && link_ == Link::live) respond({});
}

void Conversation::on(const DrainAsked&) {
    if (!attached_) return finish("shutdown", "no_booking");
    if (!ending_) wrap_up("shutdown", "no_booking");
}

void Conversation::tell(Turn turn) {
    if (link_ == Link::live) commands_.push_back(InjectText{turn});
    said_.push_back({"", std::move(turn), true, now_});
}

void Conversation::respond(std::string_view instructions) {
    respond_requested_ = true;
    progress_at_ = now_;
    quiet_since_ = TimePoint::max();
    commands_.push_back(Respond{std::string(instructions)});
}

// ---- what is due ----------------------------------------------------------------------------

void Conversation::settle() {
    settle_timers();
    if (is_finished_) return;
    if (attached_ && !is_caller_gone_) {
        const std::size_t before = commands_.size();
        playout_.send_due(now_, commands_);
        if (commands_.size() > before && !is_latency_noted_ && model_latency_.count() > 0) {
            is_latency_noted_ = true;
            note(journal::TurnLatency{model_latency_.count(), std::chrono::ceil<milliseconds>(now_ - caller_stopped_).count()});
            model_latency_ = milliseconds{0};
        }
        for (const auto& heard : playout_.take_heard(now_)) close_item(heard);
    }
    settle_silence();
    settle_ending();
}

void Conversation::settle_timers() {
    if (now_ >= retry_open_at_) open_engine();
    if (now_ >= retry_respond_at_ && link_ == Link::live) {
        retry_respond_at_ = TimePoint::max();
        respond({});
    }
    if (!digits_.empty() && now_ >= last_digit_ + policy_.dtmf_pause) {
        last_digit_ = TimePoint::max();
        tell({Turn::Speaker::system, fmt::format("The caller pressed these keys: {}", std::exchange(digits_, {}))});
        if (link_ == Link::live && !ending_) respond({});
    }
    if (answer_expected_ && !active_response_ && !respond_requested_ && link_ == Link::live && now_ >= progress_at_ + nudge_after) {
        answer_expected_ = false;
        respond({});
    }
    if (now_ >= rotate_at_ && !is_answer_due() && tools_.empty() && !is_caller_speaking_ && playout_.is_idle(now_) && !ending_) {
        rotate_at_ = TimePoint::max();
        is_rotating_ = true;
        open_engine();
    }
    // A provider that owes an answer and shows no sign of life is as good as gone.
    const bool is_stalled = link_ == Link::live && is_answer_due() && now_ >= progress_at_ + patience() && playout_.is_idle(now_);
    if (is_stalled) lose_engine("stalled", true);
    if (link_ == Link::opening && now_ >= progress_at_ + patience()) lose_engine("no answer to connecting", true);
    settle_waiting();
    if (attached_ && !ending_ && now_ >= *attached_ + policy_.duration_max) wrap_up("time_limit", "time_limit");
}

// A caller who waits in silence wonders whether the line is dead, whatever the reason: a slow model, a slow tool, a lost
// connection. Waiting begins when both have fallen silent, and ends with the agent's next sound.
void Conversation::settle_waiting() {
    const bool is_waiting = attached_ && !is_caller_gone_ && !ending_ && !is_caller_speaking_ &&
                            (waits_in_vain() || is_answer_due() || !tools_.empty() || are_results_unanswered_);
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
    const TimePoint due = waiting_since_ + (waits_in_vain() ? policy_.filler_after_loss : policy_.filler_after);
    return filler_played_ ? std::max(due, *filler_played_ + filler_repeat) : due;
}

void Conversation::wrap_up(std::string reason, std::string default_outcome) {
    begin_ending({std::move(reason), std::move(default_outcome), now_ + policy_.wrap_up_max, now_ + policy_.wrap_up_max});
    if (link_ == Link::live) {
        respond(say_time_is_up);
    } else {
        play_phrase("goodbye", phrases_->goodbye);
    }
}

bool Conversation::is_quiet() const {
    return attached_ && !ending_ && link_ == Link::live && is_greeted_ && !is_caller_speaking_ && !is_answer_due() && tools_.empty() &&
           retry_respond_at_ == TimePoint::max() && digits_.empty() && playout_.is_idle(now_);
}

void Conversation::settle_silence() {
    if (!is_quiet()) {
        quiet_since_ = TimePoint::max();
        return;
    }
    if (quiet_since_ == TimePoint::max()) quiet_since_ = now_;
    if (now_ < quiet_since_ + policy_.silence_before_prompt) return;
    if (silence_prompts_ < policy_.silence_prompts_max) {
        ++silence_prompts_;
        respond(say_still_there);
        return;
    }
    begin_ending({"caller_silent", "no_booking", now_ + policy_.wrap_up_max, TimePoint::max(), true});
    respond(say_silent_goodbye);
}

void Conversation::begin_ending(Ending ending) {
    if (!ending_) ending_ = std::move(ending);
}

void Conversation::settle_ending() {
    if (!ending_) return;
    const bool words_are_out = !is_answer_due() && tools_.empty() && !are_results_unanswered_;
    const bool is_over = is_caller_gone_ ? tools_.empty() || now_ >= ending_->deadline
                                         : now_ >= ending_->hard_deadline ||
                                               ((words_are_out || now_ >= ending_->deadline) && playout_.is_idle(now_));
    if (is_over) finish(ending_->reason, ending_->default_outcome);
}

void Conversation::give_up(std::string reason) {
    if (ending_ && ending_->reason == reason) return;
    link_ = Link::dead;
    active_response_.reset();
    respond_requested_ = answer_expected_ = are_results_unanswered_ = false;
    retry_respond_at_ = TimePoint::max();
    // Without the phrase the carrier's document has to speak: the reason tells the webhook so.
    if (phrases_->apology.empty()) reason += "_unspoken";
    ending_ = Ending{std::move(reason), "error", now_, now_ + policy_.wrap_up_max};
    play_phrase("apology", phrases_->apology);
}

void Conversation::finish(std::string_view reason, std::string_view default_outcome) {
    for (const auto& heard : playout_.interrupt(now_)) close_item(heard);
    if (attached_ && !is_caller_gone_) commands_.push_back(HangUp{});
    const std::string outcome = outcome_.empty() ? std::string(default_outcome) : outcome_;
    const auto lasted = std::chrono::duration_cast<milliseconds>(now_ - attached_.value_or(created_));
    note(journal::CallEnded{outcome, std::string(reason), lasted.count()});
    commands_.push_back(Finish{outcome, std::string(reason)});
    is_finished_ = true;
}

void Conversation::play_phrase(std::string_view name, const std::vector<std::uint8_t>& audio) { playout_.add_local(name, audio); }

// ---- the record -----------------------------------------------------------------------------

void Conversation::close_item(const Playout::Heard& heard) {
    if (heard.is_local) return;
    Said& utterance = said(heard.item_id, Turn::Speaker::agent);
    if (utterance.is_closed) return;
    utterance.is_closed = true;
    const bool is_cut = heard.heard_ms < heard.received_ms;
    auto [text, rest] = split_heard(utterance.turn.text, heard.heard_ms, heard.received_ms);
    utterance.turn.text = text;
    notes_.push_back({utterance.began, journal::AgentSaid{heard.item_id, std::move(text), std::move(rest), heard.heard_ms,
                                                          heard.received_ms, is_cut}});
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
    const std::size_t first = said_.size() > history_turns_max ? said_.size() - history_turns_max : 0;
    for (std::size_t i = first; i < said_.size(); ++i) {
        if (!said_[i].turn.text.empty()) turns.push_back(said_[i].turn);
    }
    return turns;
}

Conversation::State Conversation::state() const {
    if (is_finished_) return State::finished;
    if (ending_) return State::ending;
    if (!attached_ || link_ != Link::live) return State::connecting;
    if (!tools_.empty()) return State::running_tool;
    return playout_.is_audible(now_) ? State::speaking : State::listening;
}

TimePoint Conversation::next_alarm() const {
    if (is_finished_) return TimePoint::max();
    TimePoint next = std::min({retry_open_at_, attached_ && !is_caller_gone_ ? playout_.next_due() : TimePoint::max()});
    const auto consider = [&](TimePoint since, milliseconds after) {
        if (since != TimePoint::max()) next = std::min(next, since + after);
    };
    if (link_ == Link::live) consider(retry_respond_at_, milliseconds{0});
    if (!digits_.empty()) consider(last_digit_, policy_.dtmf_pause);
    if (link_ == Link::live && answer_expected_ && !respond_requested_ && !active_response_) consider(progress_at_, nudge_after);
    if (link_ == Link::opening || (link_ == Link::live && is_answer_due())) consider(progress_at_, patience());
    if (attached_ && !ending_) {
        consider(*attached_, policy_.duration_max);
        if (playout_.is_idle(now_)) next = std::min(next, filler_due());
        consider(rotate_at_, milliseconds{0});
    }
    consider(quiet_since_, policy_.silence_before_prompt);
    if (ending_) next = std::min({next, ending_->deadline, ending_->hard_deadline});
    return next > now_ ? next : now_ + recheck;
}

}  // namespace parley::call
