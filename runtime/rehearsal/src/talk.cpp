#include <parley/rehearsal/talk.hpp>

#include "rig.hpp"

#include <parley/core/text.hpp>
#include <parley/engine/scripted_engine.hpp>
#include <parley/engine/written_engine.hpp>
#include <parley/rehearsal/performance.hpp>

#include <fmt/format.h>

#include <deque>

namespace parley::rehearsal {
namespace {

constexpr milliseconds quiet_before_typing{400};
constexpr milliseconds between_keys{200};
constexpr std::chrono::minutes patience{10};  // of virtual time, for the line to become quiet
constexpr const char* help =
    "  Type what the caller says. /press 1234# presses keys, /silence 12 waits, /hangup or the end of the input hangs up.\n"
    "  Put through to somebody else: /answer takes the call; /noanswer, /busy, /decline and /fail bring the caller back.\n";

class Talk final : public engine::Prompter {
 public:
    Talk(Rig& rig, std::deque<engine::ScriptedLine> lines,
         std::optional<engine::OpenAiOptions> model)
        : rig_(rig), lines_(std::move(lines)), wake_(rig.clock().make_alarm([] {})) {
        if (model) {
            rig_.wait_while([this] { return written_ != nullptr && written_->is_asking(); });
            rig_.begin([this, options = *model](call::EventSink& sink, Timekeeper&) {
                auto made = engine::make_written_engine(rig_.home(), options, sink, "talk");
                written_ = made.get();
                engine_ = made.get();
                return made;
            });
        } else {
            rig_.begin([this](call::EventSink& sink, Timekeeper& time) {
                auto made = std::make_unique<engine::ScriptedEngine>(time, sink, *this);
                engine_ = made.get();
                return made;
            });
        }
    }

    void run(const std::function<std::optional<std::string>()>& next_line,
             const std::function<void(const std::string&)>& print) {
        until_quiet();
        while (!is_over()) {
            const auto typed = next_line();
            if (!typed) return hang_up();
            const std::string_view text = trim(*typed);
            if (text.empty()) continue;
            if (text.front() != '/' && rig_.is_away()) {
                print(
                    "  The caller is being put through. What becomes of it? /answer, /noanswer, /busy, /decline or /fail\n");
            } else if (text.front() != '/') {
                say(std::string(text));
            } else if (!command(text)) {
                print(help);
            }
        }
        rig_.let_go();
    }

    // ---- for the scripted engine
    // -----------------------------------------------------------------
    std::optional<engine::ScriptedLine> next_line(std::string_view) override {
        if (lines_.empty()) {
            rig_.note({.kind = Happening::Kind::model_speechless,
                       .text = "the scenario has no more lines for it"});
            return engine::ScriptedLine{};
        }
        auto line = std::move(lines_.front());
        lines_.pop_front();
        return line;
    }
    void opened(const call::AgentProfile&, const std::vector<call::Turn>&) override {}
    void told(const call::Turn& turn) override {
        rig_.note({.kind = Happening::Kind::model_told, .text = turn.text});
    }
    void asked(std::string_view) override {}
    void offered(const json::array&) override {}

 private:
    bool is_over() {
        if (!rig_.is_over()) return false;
        engine_ = nullptr;
        written_ = nullptr;
        return true;
    }

    bool command(std::string_view text) {
        const auto space = std::min(text.find(' '), text.size());
        const std::string_view name = text.substr(0, space);
        const std::string_view value = trim(text.substr(space));
        static const std::map<std::string_view, call::TransferEnded::How> ends{
            {"/answer", call::TransferEnded::How::answered},
            {"/noanswer", call::TransferEnded::How::no_answer},
            {"/busy", call::TransferEnded::How::busy},
            {"/decline", call::TransferEnded::How::declined},
            {"/fail", call::TransferEnded::How::failed}};
        if (name == "/hangup") {
            hang_up();
        } else if (const auto end = ends.find(name); end != ends.end() && rig_.is_away()) {
            rig_.end_transfer(end->second);
            until_quiet();
        } else if (name == "/press" && !value.empty() &&
                   value.find_first_not_of("0123456789*#ABCD") == std::string_view::npos) {
            for (const char key : value) {
                rig_.on(call::DtmfPressed{key});
                pass(between_keys);
            }
            pass(milliseconds(2'100));  // keys are told to the model after a pause of two seconds
            until_quiet();
        } else if (name == "/silence" && std::atoi(std::string(value).c_str()) > 0) {
            pass(std::chrono::seconds(std::min(std::atoi(std::string(value).c_str()), 600)));
            until_quiet();
        } else {
            return false;
        }
        return true;
    }

    void say(std::string text) {
        engine_->caller_starts();
        pass(engine::spoken_length(text));
        if (is_over()) return;
        engine_->caller_stops(std::move(text));
        until_quiet();
    }

    void hang_up() {
        rig_.on(call::CallerGone{});
        const auto limit = rig_.clock().now() + patience;
        do rig_.run_ready();
        while (!rig_.is_over() && rig_.advance(limit));
        is_over();
        rig_.let_go();
    }

    void pass(milliseconds span) {
        const auto until = rig_.clock().now() + span;
        wake_->arm(until);
        while (!is_over()) {
            rig_.run_ready();
            if (rig_.clock().now() >= until || !rig_.advance(until)) return;
        }
    }

    void until_quiet() {
        const auto limit = rig_.clock().now() + patience;
        TimePoint quiet_since = TimePoint::max();
        while (!is_over()) {
            rig_.run_ready();
            if (is_over()) return;
            if (rig_.is_away()) return;  // whoever types says how it goes on
            const auto now = rig_.clock().now();
            const bool is_quiet = rig_.is_listening() && engine_->is_idle() &&
                                  !rig_.line().is_playing() && rig_.tools_running() == 0;
            if (!is_quiet) {
                quiet_since = TimePoint::max();
            } else if (quiet_since == TimePoint::max()) {
                quiet_since = now;
                wake_->arm(now + quiet_before_typing);
            } else if (now >= quiet_since + quiet_before_typing) {
                return;
            }
            if (!rig_.advance(limit)) return;
        }
    }

    Rig& rig_;
    std::deque<engine::ScriptedLine> lines_;
    std::unique_ptr<Alarm> wake_;
    engine::TypedCaller* engine_ = nullptr;  // while the call lasts
    engine::WrittenEngine* written_ = nullptr;
};

}  // namespace

Checked<void> talk(const Stage& stage, TalkOptions options,
                   const std::function<std::optional<std::string>()>& next_line,
                   const std::function<void(const std::string&)>& print) {
    const bool is_scripted = options.scenario.has_value();
    if (!is_scripted && options.model.api_key.empty()) {
        return Fault{
            "openai.api_key", "is not set, so there is no model to talk to",
            "set OPENAI_API_KEY, or let a scenario play the model: --scenario tests/scenarios/books_a_slot.yaml"};
    }
    Scenario scenario = is_scripted ? *options.scenario : Scenario();
    if (!is_scripted) {
        scenario.to = "+15550100001";
        scenario.from = "+15550100002";
        scenario.call_where = "parley talk";
    }
    if (!options.agent.empty()) scenario.agent = options.agent;
    if (!options.from.empty()) scenario.from = options.from;
    auto agent = agent_of(scenario, stage);
    if (!agent) return agent.error();
    WallTime at = std::chrono::system_clock::now();
    if (is_scripted) {
        const auto then = time_of(scenario, *agent, stage);
        if (!then) return then.error();
        at = *then;
    }
    const auto watch = [&](const Happening& happening) {
        using Kind = Happening::Kind;
        const bool is_shown = happening.kind != Kind::caller_said &&
                              happening.kind != Kind::latency &&
                              happening.kind != Kind::caller_pressed;
        if (is_shown) print(line_of(happening, options.ink) + "\n");
    };
    auto rig = Rig::make(stage,
                         {std::move(*agent), scenario.from, scenario.to, at, scenario.seed,
                          scenario.secrets, scenario.direction},
                         watch);
    if (!rig) return rig.error();
    prepare(**rig, scenario);
    for (std::size_t i = 0; i < scenario.given.size(); ++i) {
        if (const auto done = (*rig)->sql(scenario.given[i]); !done)
            return Fault{scenario.given_where[i], done.error().message, ""};
    }
    std::deque<engine::ScriptedLine> lines;
    for (const auto& step : scenario.steps) {
        if (step.kind == Step::Kind::model) lines.push_back(step.model);
    }
    Talk conversation(**rig, std::move(lines),
                      is_scripted ? std::nullopt : std::optional(options.model));
    conversation.run(next_line, print);
    return {};
}

}  // namespace parley::rehearsal
