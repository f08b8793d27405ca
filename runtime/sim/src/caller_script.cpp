#include <parley/sim/caller_script.hpp>

#include <parley/sim/template.hpp>

#include "caller_reader.hpp"

#include <array>

namespace parley::sim {

namespace {

using Kind = CallerStep::Kind;

// longer than espeak-ng's pause between two sentences
constexpr milliseconds agent_silent_default{900};
constexpr milliseconds key_every{200};
constexpr std::array<std::string_view, 5> scalar_steps{"wait_for_agent", "hang_up",
                                                       "wait_for_hang_up", "drop", "go_silent"};

constexpr std::array<std::pair<std::string_view, Kind>, 9> kind_names{
    {{"wait_for_agent", Kind::wait_for_agent},
     {"interrupt_after_ms", Kind::interrupt},
     {"say", Kind::say},
     {"silence_ms", Kind::silence},
     {"press", Kind::press},
     {"hang_up", Kind::hang_up},
     {"wait_for_hang_up", Kind::wait_for_hang_up},
     {"drop", Kind::drop},
     {"go_silent", Kind::go_silent}}};

void read_keys(const YamlReader& yaml, const YAML::Node& node, const std::string& keys) {
    for (const char key : keys) {
        const bool is_key =
            (key >= '0' && key <= '9') || key == '*' || key == '#' || (key >= 'A' && key <= 'D');
        if (!is_key)
            yaml.fail(node, fmt::format("press: \"{}\" is not a key", key), "use 0-9, *, #, A-D");
    }
}

void read_step(const YamlReader& yaml, const YAML::Node& node, std::vector<CallerStep>& steps) {
    if (node.IsScalar()) {
        const std::string name = node.Scalar();
        for (const auto& [known, kind] : kind_names) {
            const bool stands_alone =
                std::find(scalar_steps.begin(), scalar_steps.end(), name) != scalar_steps.end();
            if (known != name || !stands_alone) continue;
            steps.push_back(
                {.kind = kind,
                 .length = kind == Kind::wait_for_agent ? agent_silent_default : milliseconds(0)});
            return;
        }
        yaml.fail(
            node, fmt::format("step: \"{}\" needs a value or is unknown", name),
            "use wait_for_agent, say, interrupt_after_ms, silence_ms, press, hang_up, wait_for_hang_up, drop or go_silent");
    }
    yaml.expect_map(node, "step",
                    {"wait_for_agent", "interrupt_after_ms", "say", "silence_ms", "press",
                     "hang_up", "wait_for_hang_up", "drop", "go_silent", "within_s"});
    const milliseconds within(static_cast<std::int64_t>(yaml.number(node, "within_s", 20) * 1000));
    // "interrupt_after_ms" and "say" may stand together: first the one, then the other.
    bool has_any = false;
    if (node["interrupt_after_ms"].IsDefined()) {
        steps.push_back({.kind = Kind::interrupt,
                         .length = yaml.duration_ms(node, "interrupt_after_ms", {}),
                         .within = within});
        has_any = true;
    }
    if (const YAML::Node wait = node["wait_for_agent"]; wait.IsDefined()) {
        CallerStep step{
            .kind = Kind::wait_for_agent, .length = agent_silent_default, .within = within};
        if (wait.IsMap()) {
            yaml.expect_map(wait, "wait_for_agent", {"silent_for_ms", "within_s"});
            step.length = yaml.duration_ms(wait, "silent_for_ms", agent_silent_default);
            step.within =
                milliseconds(static_cast<std::int64_t>(yaml.number(wait, "within_s", 20) * 1000));
        }
        steps.push_back(step);
        has_any = true;
    }
    if (const YAML::Node say = node["say"]; say.IsDefined()) {
        auto words = render(yaml.text(say, "say"), {}, today_here());
        if (!words) yaml.fail(say, "say: " + words.error().text());
        steps.push_back({.kind = Kind::say, .text = *words});
        has_any = true;
    }
    if (node["silence_ms"].IsDefined()) {
        steps.push_back(
            {.kind = Kind::silence, .length = yaml.duration_ms(node, "silence_ms", {})});
        has_any = true;
    }
    if (const YAML::Node press = node["press"]; press.IsDefined()) {
        steps.push_back({.kind = Kind::press, .text = yaml.text(press, "press")});
        read_keys(yaml, press, steps.back().text);
        has_any = true;
    }
    if (const YAML::Node wait = node["wait_for_hang_up"]; wait.IsDefined()) {
        CallerStep step{.kind = Kind::wait_for_hang_up, .within = within};
        if (wait.IsMap()) {
            yaml.expect_map(wait, "wait_for_hang_up", {"within_s"});
            step.within =
                milliseconds(static_cast<std::int64_t>(yaml.number(wait, "within_s", 20) * 1000));
        }
        steps.push_back(step);
        has_any = true;
    }
    for (const auto& [name, kind] : {std::pair{"hang_up", Kind::hang_up},
                                     {"drop", Kind::drop},
                                     {"go_silent", Kind::go_silent}}) {
        if (!node[name].IsDefined()) continue;
        steps.push_back({.kind = kind});
        has_any = true;
    }
    if (!has_any) yaml.fail(node, "step: nothing to do");
}

Expectations read_expect(const YamlReader& yaml, const YAML::Node& node) {
    yaml.expect_map(node, "expect",
                    {"agent_segments_min", "agent_speech_min_s", "clears_min", "marks_min",
                     "violations_max", "ended_by", "duration_max_s"});
    Expectations expect;
    expect.agent_segments_min = yaml.whole_number(node, "agent_segments_min", 0);
    expect.agent_speech_min =
        milliseconds(static_cast<std::int64_t>(yaml.number(node, "agent_speech_min_s", 0) * 1000));
    expect.clears_min = yaml.whole_number(node, "clears_min", 0);
    expect.marks_min = yaml.whole_number(node, "marks_min", 0);
    expect.violations_max = yaml.whole_number(node, "violations_max", 0);
    expect.duration_max =
        milliseconds(static_cast<std::int64_t>(yaml.number(node, "duration_max_s", 0) * 1000));
    if (const auto by = yaml.text(node, "ended_by", ""); !by.empty()) {
        if (by != "agent" && by != "caller" && by != "lost")
            yaml.fail(node["ended_by"], "ended_by: use agent, caller or lost");
        expect.ended_by = by;
    }
    return expect;
}

}  // namespace

CallerScript read_caller(const YamlReader& yaml, const YAML::Node& map) {
    CallerScript script;
    script.voice = yaml.text(map, "voice", script.voice);
    script.words_per_minute = yaml.whole_number(map, "words_per_minute", script.words_per_minute);
    script.time_limit =
        milliseconds(static_cast<std::int64_t>(yaml.number(map, "time_limit_s", 120) * 1000));
    const YAML::Node steps = map["steps"];
    if (!steps.IsDefined()) yaml.fail(map, "`steps` is missing");
    yaml.expect_list(steps, "steps");
    for (const auto& step : steps) read_step(yaml, step, script.steps);
    if (const YAML::Node expect = map["expect"]; expect.IsDefined())
        script.expect = read_expect(yaml, expect);
    return script;
}

const char* name_of(CallerStep::Kind kind) {
    for (const auto& [name, known] : kind_names) {
        if (known == kind) return name.data();
    }
    return "?";
}

Checked<CallerScript> CallerScript::parse(std::string_view text, std::string_view file) {
    const YamlReader yaml(file);
    try {
        const YAML::Node root = yaml.parse(text);
        yaml.expect_map(root, "caller script",
                        {"voice", "words_per_minute", "time_limit_s", "steps", "expect"});
        return read_caller(yaml, root);
    } catch (const YamlProblem& problem) {
        return problem.fault;
    } catch (const YAML::Exception& error) {
        return Fault{std::string(file), error.msg, {}};
    }
}

Checked<CallerScript> CallerScript::load(const std::string& path) {
    auto text = read_text_file(path);
    if (!text) return text.error();
    return parse(*text, path);
}

CallerPlayer::CallerPlayer(const CallerScript& script, std::vector<milliseconds> speech)
    : script_(&script), speech_(std::move(speech)) {
    speech_.resize(script.steps.size(), milliseconds(0));
}

std::vector<CallerPlayer::Action> CallerPlayer::advance(milliseconds now,
                                                        const std::vector<Segment>& agent) {
    std::vector<Action> actions;
    if (!is_finished() && now > script_->time_limit) {
        fail(now, "the call's time limit has passed");
        actions.push_back({.kind = Action::Kind::hang_up});
    }
    while (!is_finished()) {
        const CallerStep& step = script_->steps[step_];
        if (!is_begun_) {
            is_begun_ = true;
            step_begin_ = now;
            keys_pressed_ = 0;
            begin(step, now, actions);
        }
        if (step.kind == Kind::press && keys_pressed_ < step.text.size() &&
            now >= step_begin_ + key_every * static_cast<int>(keys_pressed_)) {
            actions.push_back({.kind = Action::Kind::press, .key = step.text[keys_pressed_++]});
        }
        if (is_done(step, now, agent)) {
            if (step.kind == Kind::say || step.kind == Kind::wait_for_agent) turn_begin_ = now;
            // The end of the agent's earlier sentence may still sound a moment into its new turn.
            overhang_ = step.kind == Kind::say ? milliseconds(400) : milliseconds(0);
            ++step_;
            is_begun_ = false;
            continue;
        }
        const bool is_waiting = step.kind == Kind::wait_for_agent || step.kind == Kind::interrupt ||
                                step.kind == Kind::wait_for_hang_up;
        if (is_waiting && now > step_begin_ + step.within) {
            fail(now, step.kind == Kind::wait_for_hang_up ? "the other side has not hung up in time"
                                                          : "the agent was not heard in time");
            actions.push_back({.kind = Action::Kind::hang_up});
        }
        break;
    }
    return actions;
}

void CallerPlayer::begin(const CallerStep& step, milliseconds now, std::vector<Action>& actions) {
    switch (step.kind) {
        case Kind::say:
            spoken_.push_back({now, now + speech_[step_]});
            actions.push_back({.kind = Action::Kind::start_speech, .step = step_});
            break;
        case Kind::hang_up: actions.push_back({.kind = Action::Kind::hang_up}); break;
        case Kind::drop: actions.push_back({.kind = Action::Kind::drop}); break;
        case Kind::go_silent: actions.push_back({.kind = Action::Kind::go_silent}); break;
        default: break;
    }
}

bool CallerPlayer::is_done(const CallerStep& step, milliseconds now,
                           const std::vector<Segment>& agent) {
    const bool is_heard = !agent.empty() && agent.back().end > turn_begin_ + overhang_;
    switch (step.kind) {
        case Kind::wait_for_agent: return is_heard && now >= agent.back().end + step.length;
        case Kind::interrupt: {
            if (!is_heard) return false;
            for (const Segment& segment : agent) {
                if (segment.end > turn_begin_ + overhang_)
                    return now >= std::max(segment.begin, turn_begin_) + step.length;
            }
            return false;
        }
        case Kind::say: return now >= step_begin_ + speech_[step_];
        case Kind::silence: return now >= step_begin_ + step.length;
        case Kind::press: return keys_pressed_ >= step.text.size();
        case Kind::hang_up:
        case Kind::drop:
        case Kind::go_silent: return true;
        case Kind::wait_for_hang_up: return false;
    }
    return true;
}

void CallerPlayer::fail(milliseconds now, std::string_view what) {
    failure_ =
        fmt::format("step {} ({}) at {:.1f} s: {}", step_ + 1,
                    step_ < script_->steps.size() ? name_of(script_->steps[step_].kind) : "end",
                    static_cast<double>(now.count()) / 1000, what);
}

void CallerPlayer::ended_by_other_side(milliseconds now) {
    if (is_finished()) return;
    if (script_->steps[step_].kind == Kind::wait_for_hang_up) {
        step_ = script_->steps.size();
        return;
    }
    fail(now, "the call ended");
}

}  // namespace parley::sim
