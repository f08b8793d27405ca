#include <parley/core/virtual_clock.hpp>
#include <parley/engine/scripted_engine.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace parley::engine {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Scripted : public testing::Test, public Prompter, public call::EventSink {
 protected:
    std::optional<ScriptedLine> next_line(std::string_view) override {
        if (lines.empty()) return std::nullopt;
        auto line = lines.front();
        lines.pop_front();
        return line;
    }
    void opened(const call::AgentProfile&, const std::vector<call::Turn>&) override {}
    void told(const call::Turn&) override {}
    void asked(std::string_view) override {}
    void offered(const json::array&) override {}

    void on(const call::Event& event) override {
        if (std::holds_alternative<call::EngineReady>(event)) happened.emplace_back("ready");
        if (const auto* lost = std::get_if<call::EngineLost>(&event))
            happened.push_back(lost->may_retry ? "lost" : "lost for good");
        if (std::holds_alternative<call::ResponseStarted>(event)) happened.emplace_back("response");
        if (const auto* text = std::get_if<call::AgentText>(&event)) said += text->delta;
        if (const auto* audio = std::get_if<call::AgentAudio>(&event))
            heard_ms += static_cast<std::int64_t>(audio->audio.size() / 8);
        if (const auto* done = std::get_if<call::AgentItemDone>(&event))
            happened.push_back("said " + done->text);
        if (const auto* tool = std::get_if<call::ToolCalled>(&event))
            happened.push_back("calls " + tool->name);
        if (const auto* done = std::get_if<call::ResponseDone>(&event)) {
            happened.push_back(fmt::format("done {}", static_cast<int>(done->status)));
        }
        if (std::holds_alternative<call::CallerSpeechStarted>(event))
            happened.emplace_back("caller");
        if (const auto* words = std::get_if<call::CallerTranscribed>(&event))
            happened.push_back("heard " + words->text);
        if (ends_by && ends_by(event)) engine.reset();
    }

    void open() {
        engine->open({}, {});
        run();
        happened.clear();
    }
    void run(milliseconds span = 60s) {
        const auto until = clock.now() + span;
        while (clock.ring_next(until)) {
        }
    }

    VirtualClock clock{WallTime(std::chrono::seconds(1'796'122'800))};
    std::unique_ptr<Timekeeper> time = clock.make_timekeeper();
    std::deque<ScriptedLine> lines;
    std::vector<std::string> happened;
    std::string said;
    std::int64_t heard_ms = 0;
    std::function<bool(const call::Event&)> ends_by;
    std::unique_ptr<ScriptedEngine> engine = std::make_unique<ScriptedEngine>(*time, *this, *this);
};

TEST_F(Scripted, RefusesAsManyConnectionsAsItIsTold) {
    engine->refuse_connections(1, ScriptedEngine::Retry::allowed);
    engine->open({}, {});
    run();
    engine->open({}, {});
    run();
    EXPECT_THAT(happened, ElementsAre("lost", "ready"));
}

TEST_F(Scripted, AnswersACallerByItself) {
    open();
    lines.push_back({.says = "Yes, we are open.", .calls = {{"a", "{}"}, {"b", "{}"}}});
    engine->caller_starts();
    engine->caller_stops("Are you open?");
    run();
    EXPECT_THAT(happened, ElementsAre("caller", "heard Are you open?", "response",
                                      "said Yes, we are open.", "calls a", "calls b", "done 0"));
    EXPECT_EQ(said, "Yes, we are open.");
    EXPECT_EQ(heard_ms, spoken_length(said).count());
    EXPECT_TRUE(engine->is_idle());
}

TEST_F(Scripted, SaysTheSentenceOfACueWithoutAsking) {
    open();
    engine->respond("Say exactly this: \"Good morning.\"");
    run();
    EXPECT_THAT(happened, ElementsAre("response", "said Good morning.", "done 0"));
}

TEST_F(Scripted, FallsSilentWhenTheCallerSpeaks) {
    open();
    lines.push_back({.says = std::string(400, 'x'), .calls = {{"never", "{}"}}});
    engine->respond("");
    run(600ms);
    engine->caller_starts();
    run();
    EXPECT_THAT(happened, ElementsAre("response", "caller", "done 1"));
    EXPECT_LT(heard_ms, 400 * 60);
}

TEST_F(Scripted, MakesOneResponseAtATime) {
    open();
    lines = {{.says = "One."}, {.says = "Two."}};
    engine->respond("");
    engine->respond("");
    run();
    EXPECT_THAT(happened,
                ElementsAre("response", "said One.", "done 0", "response", "said Two.", "done 0"));
}

TEST_F(Scripted, WaitsForALineThatIsNotThereYet) {
    open();
    engine->respond("");
    run();
    EXPECT_TRUE(engine->is_waiting_for_line());
    EXPECT_FALSE(engine->is_idle());
    engine->give_line({.says = "At last."});
    run();
    EXPECT_THAT(happened, ElementsAre("response", "said At last.", "done 0"));
}

TEST_F(Scripted, FailsAndStallsOnRequest) {
    open();
    lines = {{.fails = ScriptedLine::Fails::rate_limit}, {.fails = ScriptedLine::Fails::stall}};
    engine->respond("");
    run();
    EXPECT_THAT(happened, ElementsAre("response", "done 3"));
    engine->respond("");
    run();
    EXPECT_FALSE(engine->is_idle());
    engine->lose("gone", ScriptedEngine::Retry::pointless);
    run();
    EXPECT_THAT(happened, ElementsAre("response", "done 3", "response", "lost for good"));
}

TEST_F(Scripted, MayBeDestroyedByAnyOfItsEvents) {
    const auto dies_at = [&](auto wanted) {
        happened.clear();
        engine = std::make_unique<ScriptedEngine>(*time, *this, *this);
        lines = {{.says = "Some words.", .calls = {{"a", "{}"}, {"b", "{}"}}}};
        ends_by = wanted;
        engine->open({}, {});
        run();
        if (engine) engine->caller_starts();
        if (engine) engine->caller_stops("Hello");
        run();
        EXPECT_FALSE(engine);
    };
    dies_at(
        [](const call::Event& event) { return std::holds_alternative<call::EngineReady>(event); });
    dies_at([](const call::Event& event) {
        return std::holds_alternative<call::CallerSpeechStarted>(event);
    });
    dies_at([](const call::Event& event) {
        return std::holds_alternative<call::CallerSpeechStopped>(event);
    });
    dies_at([](const call::Event& event) {
        return std::holds_alternative<call::ResponseStarted>(event);
    });
    dies_at(
        [](const call::Event& event) { return std::holds_alternative<call::AgentText>(event); });
    dies_at(
        [](const call::Event& event) { return std::holds_alternative<call::AgentAudio>(event); });
    dies_at([](const call::Event& event) {
        return std::holds_alternative<call::AgentItemDone>(event);
    });
    dies_at(
        [](const call::Event& event) { return std::holds_alternative<call::ToolCalled>(event); });
    dies_at(
        [](const call::Event& event) { return std::holds_alternative<call::ResponseDone>(event); });
}

}  // namespace
}  // namespace parley::engine
