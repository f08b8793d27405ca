#include "player.hpp"

#include <parley/engine/written_engine.hpp>

#include <fmt/format.h>

namespace parley::rehearsal {
namespace {

using Kind = Step::Kind;

constexpr milliseconds quiet_before_speaking{400};  // a caller's polite pause
constexpr milliseconds quiet_before_hanging_up{2'500};
// nothing has asked the model to answer: nothing will
constexpr milliseconds quiet_without_model{8'000};
constexpr milliseconds between_keys{200};
// keys are told to the model after a pause of 2 s
constexpr milliseconds dtmf_pause{2'300};
constexpr milliseconds step_max{5 * 60'000};
constexpr milliseconds rings_for{3'000};  // before somebody answers, or would not
constexpr std::chrono::minutes call_max{60};

}  // namespace

Player::Player(const Scenario& scenario, Rig& rig)
    : scenario_(scenario),
      rig_(rig),
      wake_(rig.clock().make_alarm([] {})),
      step_began_(rig.clock().now()) {
    mouth_ = rig.clock().make_alarm([this] {
        is_speaking_ = false;
        if (engine_ != nullptr) engine_->caller_stops(std::exchange(saying_, {}));
    });
    finger_ = rig.clock().make_alarm([this] {
        if (keys_left_.empty()) return;
        const char key = keys_left_.front();
        keys_left_.erase(0, 1);
        pressed_at_ = key == '#' ? TimePoint::min() : rig_.clock().now();
        rig_.on(call::DtmfPressed{key});
        if (!keys_left_.empty()) finger_->arm(rig_.clock().now() + between_keys);
    });
}

void Player::run() {
    rig_.begin([this](call::EventSink& sink, Timekeeper& time) {
        auto made = std::make_unique<engine::ScriptedEngine>(time, sink, *this);
        engine_ = scripted_ = made.get();
        return made;
    });
    go_on();
}

void Player::run_live(const engine::OpenAiOptions& model) {
    engine::WrittenEngine* written = nullptr;
    rig_.wait_while([&] { return written != nullptr && written->is_asking(); });
    rig_.begin([&](call::EventSink& sink, Timekeeper&) {
        auto made = engine::make_written_engine(rig_.home(), model, sink, "rehearsal");
        engine_ = written = made.get();
        return made;
    });
    go_on();
    rig_.wait_while({});
}

void Player::go_on() {
    const auto limit = rig_.clock().now() + call_max;
    while (!is_stuck_) {
        rig_.run_ready();
        if (rig_.is_over()) break;
        if (advance() == Progress::made || rig_.is_over()) continue;
        if (!rig_.advance(limit)) {
            broke({.text = "expected the call to end",
                   .detail = fmt::format("it still goes on after {} minutes", call_max.count())});
            break;
        }
    }
    engine_ = scripted_ = nullptr;
    rig_.let_go();
    if (is_stuck_) return;
    for (; next_ < scenario_.steps.size(); ++next_) {
        const Step& step = scenario_.steps[next_];
        if (taken_.contains(next_)) continue;
        if (step.kind == Kind::expect) {
            check_all(step.expectations);
        } else if (step.kind == Kind::caller_is_silent && silent_since_ != TimePoint::max()) {
            silent_since_ = TimePoint::max();  // until the end of the call
        } else {
            return stuck(step, fmt::format("the call was over: {} ({})", rig_.ending().outcome,
                                           rig_.ending().reason));
        }
    }
    window_ = 0;
    check_all(scenario_.expectations);
    for (const auto& tool : rig_.never_slow()) {
        broke({.text = fmt::format("expected the tool {} to be slow", tool),
               .detail = "it was not run, or waited for nothing"});
    }
}

// ---- what the model does ----------------------------------------------------------------------

std::optional<engine::ScriptedLine> Player::next_line(std::string_view) {
    std::size_t at = next_;
    // A model that speaks into the caller's silence.
    if (at < scenario_.steps.size() && scenario_.steps[at].kind == Kind::caller_is_silent) ++at;
    for (; at < scenario_.steps.size() && taken_.contains(at); ++at) {
    }
    if (at < scenario_.steps.size()) {
        const Step& step = scenario_.steps[at];
        if (step.kind == Kind::model) {
            ++turns_;
            if (at == next_) {
                done();
            } else {
                taken_.insert(at);
            }
            return step.model;
        }
        // First things first: these are done before the model goes on.
        const bool comes_first = step.kind == Kind::expect || step.kind == Kind::provider_drops ||
                                 step.kind == Kind::provider_refuses ||
                                 step.kind == Kind::slow_tool ||
                                 step.kind == Kind::database_is_busy;
        if (comes_first) return std::nullopt;
    }
    rig_.note({.kind = Happening::Kind::model_speechless,
               .text = "is asked to answer; the scenario has no line for it here"});
    return engine::ScriptedLine{};
}

void Player::opened(const call::AgentProfile& profile, const std::vector<call::Turn>&) {
    instructions_ = profile.instructions;
    offered(profile.tools);
}

void Player::offered(const json::array& tools) {
    tools_offered_.clear();
    for (const auto& tool : tools) {
        if (const auto* object = tool.if_object())
            tools_offered_.push_back(json_read::text(*object, "name"));
    }
}

void Player::told(const call::Turn& turn) {
    rig_.note({.kind = Happening::Kind::model_told, .text = turn.text});
}

void Player::asked(std::string_view instructions) {
    if (!instructions.empty())
        rig_.note({.kind = Happening::Kind::model_told, .text = std::string(instructions)});
}

// ---- the state of the line --------------------------------------------------------------------

bool Player::is_settled() const {
    const auto now = rig_.clock().now();
    const bool are_keys_told =
        keys_left_.empty() && (pressed_at_ == TimePoint::min() || now >= pressed_at_ + dtmf_pause);
    const bool is_model_done =
        engine_ != nullptr &&
        (engine_->is_idle() || (scripted_ != nullptr && scripted_->is_waiting_for_line()));
    return rig_.is_listening() && is_model_done && !rig_.line().is_playing() && !is_speaking_ &&
           rig_.tools_running() == 0 && are_keys_told;
}

milliseconds Player::quiet_for() const {
    if (settled_since_ == TimePoint::max()) return milliseconds(-1);
    return std::chrono::duration_cast<milliseconds>(rig_.clock().now() - settled_since_);
}

bool Player::has_floor() {
    if (quiet_for() >= quiet_before_speaking && engine_->is_idle()) return true;
    if (settled_since_ != TimePoint::max()) wake_at(settled_since_ + quiet_before_speaking);
    return false;
}

// Never for a moment that is over: time would stand still.
void Player::wake_at(TimePoint when) {
    if (when > rig_.clock().now()) wake_->arm(when);
}

// ---- steps ------------------------------------------------------------------------------------

Player::Progress Player::advance() {
    const auto now = rig_.clock().now();
    if (!is_settled()) {
        settled_since_ = TimePoint::max();
        // What is to be told after the pause has no alarm of ours.
        if (pressed_at_ != TimePoint::min()) wake_at(pressed_at_ + dtmf_pause);
    } else if (settled_since_ == TimePoint::max()) {
        settled_since_ = now;
    }
    while (next_ < scenario_.steps.size() && taken_.contains(next_)) done();
    if (rig_.is_away()) return while_away();
    if (next_ >= scenario_.steps.size()) {
        after_the_last();
        return Progress::none;
    }
    const Step& step = scenario_.steps[next_];
    if (now > step_began_ + step_max) {
        stuck(step, "its moment did not come within five minutes");
        return Progress::none;
    }
    return take(step);
}

Player::Progress Player::take(const Step& step) {
    const auto now = rig_.clock().now();
    switch (step.kind) {
        case Kind::model: return wait_for_model(step);
        case Kind::expect: return expect(step);
        case Kind::caller_says:
            if (!has_floor()) return Progress::none;
            speak(step.text);
            break;
        case Kind::caller_presses:
            if (!has_floor()) return Progress::none;
            press(step.keys);
            break;
        case Kind::caller_is_silent:
            // Counted from when the agent has finished for the first time, whatever it says into
            // the silence.
            if (silent_since_ == TimePoint::max()) {
                if (settled_since_ == TimePoint::max()) return Progress::none;
                silent_since_ = now;
                open_window();
            }
            wake_at(silent_since_ + step.span);
            if (now < silent_since_ + step.span) return Progress::none;
            silent_since_ = TimePoint::max();
            break;
        case Kind::transfer: return transfer(step);
        case Kind::caller_interrupts:
        case Kind::provider_drops_after: return interrupt(step);
        case Kind::caller_hangs_up:
            if (!has_floor()) return Progress::none;
            hang_up();
            break;
        case Kind::caller_hangs_up_after:
            wake_at(step_began_ + step.span);
            if (now < step_began_ + step.span) return Progress::none;
            hang_up();
            break;
        case Kind::provider_drops:
            if (quiet_for() < quiet_before_speaking) {
                if (settled_since_ != TimePoint::max())
                    wake_at(settled_since_ + quiet_before_speaking);
                return Progress::none;
            }
            scripted_->lose("the scenario drops the connection",
                            step.is_for_good ? engine::ScriptedEngine::Retry::pointless
                                             : engine::ScriptedEngine::Retry::allowed);
            break;
        case Kind::provider_refuses:
            scripted_->refuse_connections(step.count, engine::ScriptedEngine::Retry::allowed);
            break;
        case Kind::slow_tool: rig_.slow_down(step.tool, step.span); break;
        case Kind::database_is_busy: rig_.refuse_statements(step.count); break;
    }
    done();
    return Progress::made;
}

Player::Progress Player::interrupt(const Step& step) {
    const auto now = rig_.clock().now();
    const Line& line = rig_.line();
    if (line.audible_until() > step_began_ && rig_.line().is_playing()) {
        const auto due = line.audible_since() + step.span;
        wake_at(due);
        if (now < due) return Progress::none;
        if (step.kind == Kind::provider_drops_after) {
            scripted_->lose("the scenario drops the connection",
                            engine::ScriptedEngine::Retry::allowed);
        } else if (step.text.empty()) {
            press(step.keys);
        } else {
            speak(step.text);
        }
        done();
        return Progress::made;
    }
    if (quiet_for() >= quiet_without_model) {
        const auto spoke =
            std::chrono::duration_cast<milliseconds>(line.audible_until() - line.audible_since());
        stuck(step, line.audible_until() > step_began_
                        ? fmt::format("the agent had finished after {} ms", spoke.count())
                        : "the agent said nothing");
    } else if (settled_since_ != TimePoint::max()) {
        wake_at(settled_since_ + quiet_without_model);
    }
    return Progress::none;
}

Player::Progress Player::expect(const Step& step) {
    if (quiet_for() < quiet_before_speaking) {
        if (settled_since_ != TimePoint::max()) wake_at(settled_since_ + quiet_before_speaking);
        return Progress::none;
    }
    check_all(step.expectations);
    done();
    return Progress::made;
}

Player::Progress Player::wait_for_model(const Step& step) {
    if (scripted_->is_waiting_for_line()) {
        ++turns_;
        auto line = step.model;
        done();
        scripted_->give_line(std::move(line));
        return Progress::made;
    }
    if (quiet_for() >= quiet_without_model) {
        stuck(step, "nothing has asked the model to answer");
    } else if (settled_since_ != TimePoint::max()) {
        wake_at(settled_since_ + quiet_without_model);
    }
    return Progress::none;
}

// Unless the scenario says what becomes of it, the other one answers.
Player::Progress Player::while_away() {
    if (next_ == scenario_.steps.size()) return end_transfer(call::TransferEnded::How::answered);
    const Step& step = scenario_.steps[next_];
    switch (step.kind) {
        case Kind::transfer:
        case Kind::caller_hangs_up_after:
        case Kind::provider_refuses:
        case Kind::slow_tool:
        case Kind::database_is_busy: return take(step);
        case Kind::expect: check_all(step.expectations); break;
        case Kind::caller_hangs_up: hang_up(); break;
        case Kind::provider_drops:
            scripted_->lose("the scenario drops the connection",
                            step.is_for_good ? engine::ScriptedEngine::Retry::pointless
                                             : engine::ScriptedEngine::Retry::allowed);
            break;
        default: return end_transfer(call::TransferEnded::How::answered);
    }
    done();
    return Progress::made;
}

Player::Progress Player::transfer(const Step& step) {
    if (rig_.is_away()) {
        if (end_transfer(step.how) == Progress::none) return Progress::none;
        done();
        return Progress::made;
    }
    if (quiet_for() >= quiet_without_model) {
        stuck(step, "nobody has been put through");
    } else if (settled_since_ != TimePoint::max()) {
        wake_at(settled_since_ + quiet_without_model);
    }
    return Progress::none;
}

Player::Progress Player::end_transfer(call::TransferEnded::How how) {
    const Line& line = rig_.line();
    const milliseconds rings = how == call::TransferEnded::How::no_answer
                                   ? milliseconds(line.handed_over()->ring_limit)
                                   : rings_for;
    const auto due = line.handed_over_at() + rings;
    wake_at(due);
    if (rig_.clock().now() < due) return Progress::none;
    rig_.end_transfer(how);
    return Progress::made;
}

void Player::after_the_last() {
    if (has_hung_up_ || settled_since_ == TimePoint::max()) return;
    const auto due = settled_since_ + quiet_before_hanging_up;
    wake_at(due);
    if (rig_.clock().now() >= due) hang_up();
}

void Player::done() {
    ++next_;
    step_began_ = rig_.clock().now();
}

// ---- what the caller does ---------------------------------------------------------------------

void Player::open_window() { window_ = rig_.record().all().size(); }

void Player::speak(const std::string& text) {
    ++turns_;
    open_window();
    is_speaking_ = true;
    settled_since_ = TimePoint::max();
    saying_ = text;
    mouth_->arm(rig_.clock().now() + engine::spoken_length(text));
    engine_->caller_starts();
}

void Player::press(const std::string& keys) {
    ++turns_;
    open_window();
    rig_.note({.kind = Happening::Kind::caller_pressed, .text = keys});
    settled_since_ = TimePoint::max();
    keys_left_ = keys;
    finger_->arm(rig_.clock().now());
}

void Player::hang_up() {
    if (std::exchange(has_hung_up_, true)) return;
    open_window();
    rig_.note({.kind = Happening::Kind::caller_left, .text = "hangs up"});
    rig_.on(call::CallerGone{});
}

// ---- expectations -----------------------------------------------------------------------------

std::string Player::hang_up_by() const {
    if (!rig_.is_over()) return "";
    const std::string& reason = rig_.ending().reason;
    if (reason == "caller_hung_up" || has_hung_up_) return "caller";
    return reason == "agent_hung_up" ? "agent" : "parley";
}

Seen Player::seen() const {
    return {.happenings = rig_.record().all(),
            .window = window_,
            .instructions = instructions_,
            .tools_offered = tools_offered_,
            .vars = rig_.vars(),
            .is_over = rig_.is_over(),
            .hang_up_by = hang_up_by(),
            .sql = [this](const store::Statement& statement) { return rig_.sql(statement); }};
}

void Player::check_all(const std::vector<Expectation>& expectations) {
    for (const auto& expectation : expectations) {
        if (auto missed = check(expectation, seen())) broke(std::move(*missed));
    }
}

void Player::broke(Happening happening) {
    happening.kind = Happening::Kind::broken;
    if (happening.at.count() == 0) happening.at = rig_.at();
    rig_.note(happening);
    broken_.push_back(std::move(happening));
}

std::string Player::describe(const Step& step) const {
    switch (step.kind) {
        case Kind::caller_says: return fmt::format("`caller says: {}`", step.text);
        case Kind::caller_presses: return fmt::format("`caller presses: {}`", step.keys);
        case Kind::caller_is_silent: return "`caller is silent for`";
        case Kind::caller_interrupts: return "`caller interrupts after`";
        case Kind::caller_hangs_up: return "`caller hangs up`";
        case Kind::caller_hangs_up_after: return "`caller hangs up after`";
        case Kind::transfer: return "`transfer`";
        case Kind::model:
            if (!step.model.says.empty()) return fmt::format("`model says: {}`", step.model.says);
            if (!step.model.calls.empty())
                return fmt::format("`model calls: {}`", step.model.calls.front().tool);
            return step.model.fails == engine::ScriptedLine::Fails::stall ? "`provider stalls`"
                                                                          : "`model fails`";
        case Kind::provider_drops: return "`provider drops`";
        case Kind::provider_drops_after: return "`provider drops after`";
        case Kind::provider_refuses: return "`provider refuses`";
        case Kind::slow_tool: return "`slow tool`";
        case Kind::database_is_busy: return "`database is busy`";
        case Kind::expect: return "`expect`";
    }
    return "";
}

void Player::stuck(const Step& step, std::string why) {
    is_stuck_ = true;
    broke({.text = fmt::format("the scenario stopped at {}", describe(step)),
           .detail = std::move(why),
           .line = step.line});
}

}  // namespace parley::rehearsal
