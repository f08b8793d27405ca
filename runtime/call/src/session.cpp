#include <parley/call/session.hpp>

#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

namespace parley::call {
namespace {

std::string_view state_name(Conversation::State state) {
    switch (state) {
        case Conversation::State::connecting: return "connecting";
        case Conversation::State::listening: return "listening";
        case Conversation::State::speaking: return "speaking";
        case Conversation::State::running_tool: return "running_tool";
        case Conversation::State::on_hold: return "on_hold";
        case Conversation::State::away: return "transferred";
        case Conversation::State::ending: return "ending";
        case Conversation::State::finished: return "finished";
    }
    return "";
}

// An event kept for a moment must own what it shows: only audio and text deltas are views, and
// those never wait.
bool is_view(const Event& event) {
    return std::holds_alternative<CallerAudio>(event) ||
           std::holds_alternative<AgentAudio>(event) || std::holds_alternative<AgentText>(event);
}

template <class... Cases>
struct Match : Cases... {
    using Cases::operator()...;
};

}  // namespace

std::shared_ptr<Session> Session::create(CallInfo info, Parts parts, std::function<void()> finished,
                                         std::function<void()> closed) {
    return std::shared_ptr<Session>(
        new Session(std::move(info), std::move(parts), std::move(finished), std::move(closed)));
}

Session::Session(CallInfo info, Parts parts, std::function<void()> finished,
                 std::function<void()> closed)
    : info_(std::move(info)),
      parts_(std::move(parts)),
      finished_(std::move(finished)),
      closed_(std::move(closed)),
      created_(parts_.time->now()),
      conversation_(parts_.policy, parts_.phrases, created_) {
    info_.started_at = parts_.time->wall_now();
    if (parts_.masker) dictation_.emplace(parts_.masker);
    if (parts_.recorder) parts_.recorder->begun(info_, created_);
}

Session::~Session() = default;

void Session::start() {
    write(journal::CallStarted{info_.from, info_.to, info_.agent, info_.channel, info_.direction},
          info_.started_at);
    alarm_ = parts_.time->make_alarm([this] {
        armed_for_ = TimePoint::max();
        on(AlarmRang{});
    });
    agent_ = parts_.make_agent(*this, info_, *parts_.time);
    engine_ = parts_.make_engine(*this, info_);
    check_budget();
    agent_->prepare([self = weak_from_this()](Checked<AgentProfile> prepared) {
        const auto session = self.lock();
        if (!session || session->is_finished_) return;
        if (!prepared) return session->on(AgentUnavailable{prepared.error().text()});
        session->profile_ = std::move(*prepared);
        if (session->parts_.recorder) session->parts_.recorder->prepared(*session->profile_);
        AgentPrepared rules = session->profile_->rules;
        rules.greeting = session->profile_->greeting;
        session->on(rules);
    });
}

bool Session::attach(std::unique_ptr<Channel> channel) {
    if (is_finished_ || (channel_ && !is_away_)) return false;
    const bool is_first = !channel_;
    is_away_ = is_returning_ = false;
    channel_ = std::move(channel);
    if (parts_.figures != nullptr) parts_.figures->until_stream.observe(seconds_since_announced());
    on(CallerAttached{});
    if (is_first && !info_.greeted_with.empty() && !is_finished_)
        write(journal::AgentSaid{.item_id = "", .heard = info_.greeted_with, .unheard = ""},
              parts_.time->wall_now());
    return true;
}

void Session::hand_over(const Transfer& transfer) {
    is_away_ = channel_ && channel_->transfer(transfer);
    if (!is_away_) on(TransferEnded{TransferEnded::How::failed, "this line cannot be handed over"});
}

void Session::transfer_ended(TransferEnded ended) {
    if (is_finished_ || !is_away_ || is_returning_) return;
    is_returning_ = ended.how != TransferEnded::How::answered;
    on(ended);
}

void Session::leave_to_carrier() {
    if (is_away_ && !is_returning_) on(DrainAsked{});
}

void Session::adopt_newest() {
    if (is_finished_ || !agent_ || !profile_) return;
    agent_->adopt([self = weak_from_this()](Checked<AgentProfile> revised) {
        const auto session = self.lock();
        if (!session || session->is_finished_) return;
        if (!revised) {
            log::error("script.adopt_failed",
                       {{"call", session->info_.call_sid}, {"what", revised.error().text()}});
            return;
        }
        session->profile_ = std::move(*revised);
        session->engine_->revise(*session->profile_);
        session->on(session->profile_->rules);
    });
}

void Session::on(const Event& event) {
    if (is_finished_) {
        if (is_closed_) return;
        const auto now = parts_.time->wall_now();
        if (const auto* note = std::get_if<NoteTaken>(&event))
            write(journal::Note{note->text, note->fields}, now);
        if (const auto* told = std::get_if<MessageTold>(&event))
            write(journal::MessageSent{told->to, told->ok, told->detail}, now);
        return;
    }
    if (is_handling_) {
        // A port answered while its command was being carried out: its turn comes next.
        ensure(!is_view(event), "a port must not send audio or text from inside a command");
        waiting_.push_back(event);
        return;
    }
    const auto keep_alive = shared_from_this();
    is_handling_ = true;
    try {
        handle(event);
    } catch (const std::exception& bug) {
        end_by_bug(bug.what());
    }
    is_handling_ = false;
    // nothing noteworthy, no new deadline
    if (std::holds_alternative<CallerAudio>(event) && !is_finished_) return;

    const auto now = parts_.time->now();
    const auto wall_now = parts_.time->wall_now();
    bool has_cost = false;
    for (auto& entry : conversation_.take_notes()) {
        has_cost = count_cost(entry.event, wall_now) || has_cost;
        if (parts_.figures != nullptr &&
            std::holds_alternative<journal::ProviderReady>(entry.event))
            parts_.figures->until_model.observe(seconds_since_announced());
        write(std::move(entry.event),
              wall_now - std::chrono::duration_cast<WallTime::duration>(now - entry.at));
    }
    if (is_finished_) return finish();
    if (has_cost) check_budget();
    if (is_finished_) return;
    const auto next_alarm = conversation_.next_alarm();
    if (next_alarm == armed_for_) return;
    armed_for_ = next_alarm;
    if (next_alarm == TimePoint::max()) {
        alarm_->cancel();
    } else {
        alarm_->arm(next_alarm);
    }
}

void Session::finish() {
    if (parts_.figures != nullptr) {
        const milliseconds dropped(conversation_.playout().dropped_ms());
        parts_.figures->lost_queue_full.add(std::chrono::duration<double>(dropped).count());
    }
    alarm_.reset();
    engine_.reset();
    channel_.reset();
    if (auto finished = std::exchange(finished_, nullptr)) finished();
    if (!agent_) return close({});
    // Weakly: whoever waits for `closed` keeps the session.
    agent_->ended(ending_, [weak = weak_from_this()](json::object summary) {
        if (const auto session = weak.lock()) session->close(std::move(summary));
    });
}

void Session::close(json::object summary) {
    if (std::exchange(is_closed_, true)) return;
    if (!summary.empty()) write(journal::Summary{std::move(summary)}, parts_.time->wall_now());
    agent_.reset();
    if (auto closed = std::exchange(closed_, nullptr)) closed();
}

void Session::handle(const Event& event) {
    const Event* next = &event;
    Event current = AlarmRang{};
    while (true) {
        // Unless they are on their way back, the caller has never left this channel.
        if (std::holds_alternative<TransferEnded>(*next) && !is_returning_) is_away_ = false;
        // The conversation has no line to hang up then, the carrier has.
        if (is_away_ && std::holds_alternative<EndAsked>(*next)) channel_->hang_up();
        const auto now = parts_.time->now();
        const auto& commands = conversation_.handle(*next, now);
        if (parts_.recorder) parts_.recorder->handled(*next, now, commands);
        if (commands.empty()) count_unheard(*next);
        for (const Command& command : commands) carry_out(command);
        if (waiting_.empty()) return;
        current = std::move(waiting_.front());
        waiting_.pop_front();
        next = &current;
    }
}

// A mistake of ours ends this call and no other; the carrier's document apologises, for who knows
// what still works here.
void Session::end_by_bug(const char* what) {
    log::error("call.bug", {{"call", info_.call_sid}, {"what", what}});
    const auto now = parts_.time->wall_now();
    write(journal::Problem{"bug", what}, now);
    write(journal::CallEnded{"error", "bug_unspoken", unix_ms(now) - unix_ms(info_.started_at)},
          now);
    ending_ = Finish{"error", "bug_unspoken"};
    is_finished_ = true;
    if (channel_) channel_->hang_up();
}

void Session::carry_out(const Command& command) {
    std::visit(Match{
                   [this](const Play& each) {
                       if (channel_) channel_->play(each.audio);
                       if (std::exchange(has_played_, true) || parts_.figures == nullptr) return;
                       parts_.figures->until_audio.observe(seconds_since_announced());
                   },
                   [this](const SendMark& each) {
                       if (channel_) channel_->mark(each.mark);
                   },
                   [this](const ClearPlayback&) {
                       if (channel_) channel_->clear();
                   },
                   [this](const HangUp&) {
                       if (channel_) channel_->hang_up();
                   },
                   [this](const HandOver& each) { hand_over(each.transfer); },
                   [](const Record&) {},  // the recorder has seen it
                   [this](const OpenEngine& each) { engine_->open(*profile_, each.history); },
                   [this](const AppendAudio& each) { engine_->append(each.audio); },
                   [this](const Respond& each) { engine_->respond(each.instructions); },
                   [this](const CancelResponse&) { engine_->cancel(); },
                   [this](const WithdrawResponse&) { engine_->withdraw(); },
                   [this](const Truncate& each) {
                       engine_->truncate(each.item_id, each.content_index, each.audio_end_ms);
                   },
                   [this](const SendToolOutput& each) {
                       engine_->tool_output(each.tool_call_id, each.output);
                   },
                   [this](const InjectText& each) { engine_->inject(each.turn); },
                   [this](const RunTool& each) {
                       agent_->run_tool(each, [self = weak_from_this()](ToolFinished result) {
                           if (const auto session = self.lock()) session->on(result);
                       });
                   },
                   [this](const OfferTools& each) {
                       profile_->tools = each.tools;  // also for the connections to come
                       engine_->offer_tools(each.tools);
                   },
                   [this](const TellAgent& each) { agent_->tell(each.news); },
                   [this](const Finish& each) {
                       is_finished_ = true;
                       ending_ = each;
                   },
               },
               command);
}

bool Session::count_cost(const journal::Event& event, WallTime now) {
    const auto* counted = std::get_if<journal::UsageCounted>(&event);
    if (counted == nullptr) return false;
    cost_usd_ += counted->usage.cost_usd;
    if (parts_.budget != nullptr)
        parts_.budget->add(info_.other_party(), counted->usage.cost_usd, now);
    return true;
}

// Asked with each cost of its own: by then other calls may have used up what was left for the day.
void Session::check_budget() {
    if (parts_.budget == nullptr || is_budget_spent_) return;
    auto limit = parts_.budget->reached(info_.other_party(), cost_usd_, parts_.time->wall_now());
    if (!limit) return;
    is_budget_spent_ = true;
    on(BudgetSpent{std::move(*limit)});
}

void Session::write(journal::Event event, WallTime at) {
    if (auto* said = std::get_if<journal::CallerSaid>(&event); said != nullptr && dictation_)
        said->text = dictation_->text(std::move(said->text));
    if (parts_.masker) event = journal::masked(std::move(event), *parts_.masker);
    log_entry(event);
    const journal::Entry entry{info_.call_sid, at, std::move(event)};
    for (auto* subscriber : parts_.journal) subscriber->on_entry(entry);
}

// The journal in the log: what an operator looks for at night. What was said stays out of it.
void Session::log_entry(const journal::Event& event) const {
    std::visit(
        Match{
            [&](const journal::CallStarted& each) {
                log::info("call.started", {{"call", info_.call_sid},
                                           {"from", masked_number(each.from)},
                                           {"to", each.to},
                                           {"agent", each.agent}});
            },
            [&](const journal::ToolReturned& each) {
                log::info("tool.returned", {{"call", info_.call_sid},
                                            {"tool", each.name},
                                            {"ok", each.ok},
                                            {"ms", each.duration_ms}});
            },
            [&](const journal::Interrupted& each) {
                log::debug("call.interrupted", {{"call", info_.call_sid},
                                                {"heard_ms", each.heard_ms},
                                                {"received_ms", each.received_ms}});
            },
            [&](const journal::ProviderLost& each) {
                log::warn("provider.lost", {{"call", info_.call_sid}, {"reason", each.reason}});
            },
            [&](const journal::ProviderRestored& each) {
                log::info(
                    "provider.restored",
                    {{"call", info_.call_sid}, {"gap_ms", each.gap_ms}, {"planned", each.planned}});
            },
            [&](const journal::TransferStarted& each) {
                log::info("call.transfer_started", {{"call", info_.call_sid},
                                                    {"to", masked_number(each.to)},
                                                    {"briefed", each.is_briefed}});
            },
            [&](const journal::TransferEnded& each) {
                log::info("call.transfer_ended", {{"call", info_.call_sid},
                                                  {"how", each.how},
                                                  {"detail", each.detail},
                                                  {"ms", each.duration_ms}});
            },
            [&](const journal::RecordingStarted&) {
                log::info("call.recording_started", {{"call", info_.call_sid}});
            },
            [&](const journal::RecordingStopped&) {
                log::info("call.recording_stopped", {{"call", info_.call_sid}});
            },
            [&](const journal::MessageSent& each) {
                log::info("call.message_sent", {{"call", info_.call_sid},
                                                {"to", masked_number(each.to)},
                                                {"ok", each.ok},
                                                {"detail", each.detail}});
            },
            [&](const journal::Note& each) {
                log::debug("call.note", {{"call", info_.call_sid}, {"text", each.text}});
            },
            [&](const journal::Problem& each) {
                log::warn("call.problem",
                          {{"call", info_.call_sid}, {"what", each.what}, {"detail", each.detail}});
            },
            [&](const journal::CallEnded& each) {
                log::info("call.ended", {{"call", info_.call_sid},
                                         {"outcome", each.outcome},
                                         {"reason", each.reason},
                                         {"ms", each.duration_ms}});
            },
            [](const auto&) {},
        },
        event);
}

Session::Snapshot Session::snapshot() const {
    return {info_, std::string(state_name(conversation_.state())),
            channel_ ? channel_->id() : std::string(), conversation_.playout().queued()};
}

double Session::seconds_since_announced() const {
    return std::chrono::duration<double>(parts_.time->now() - created_).count();
}

// What the caller says has led to nothing: there is no model that could hear it. On hold, or while
// they speak with somebody else, none is meant to.
void Session::count_unheard(const Event& event) const {
    using State = Conversation::State;
    const auto* audio = std::get_if<CallerAudio>(&event);
    if (audio == nullptr || parts_.figures == nullptr) return;
    const auto state = conversation_.state();
    if (state == State::on_hold || state == State::away || state == State::finished) return;
    parts_.figures->lost_not_connected.add(Figures::seconds_of(audio->audio.size()));
}

}  // namespace parley::call
