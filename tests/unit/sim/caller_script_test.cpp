#include <parley/sim/caller_script.hpp>

#include <parley/audio/g711.hpp>
#include <parley/audio/signal.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace parley::sim {
namespace {

using namespace std::chrono_literals;
using Kind = CallerPlayer::Action::Kind;

CallerScript script_of(std::string_view yaml) {
    auto script = CallerScript::parse(yaml, "c.yaml");
    if (!script) throw std::runtime_error(script.error().text());
    return *script;
}

// Runs the player in steps of 20 ms up to `until` and returns what it did, with times.
std::vector<std::string> play(CallerPlayer& player, milliseconds from, milliseconds until,
                              const std::vector<Segment>& agent) {
    std::vector<std::string> done;
    for (milliseconds now = from; now <= until; now += 20ms) {
        std::vector<Segment> heard;
        for (const Segment& segment : agent) {
            if (segment.begin < now) heard.push_back({segment.begin, std::min(segment.end, now)});
        }
        for (const auto& action : player.advance(now, heard)) {
            const char* name = action.kind == Kind::start_speech ? "say"
                               : action.kind == Kind::press      ? "press"
                               : action.kind == Kind::hang_up    ? "hang up"
                                                                 : "other";
            done.push_back(fmt::format("{} {}", now.count(), name));
        }
    }
    return done;
}

TEST(CallerPlayer, SpeaksWhenTheAgentHasBeenSilentLongEnough) {
    const auto script = script_of(
        "steps: [{wait_for_agent: {silent_for_ms: 500}}, {say: Hello}, wait_for_hang_up]");
    CallerPlayer player(script, {0ms, 1'000ms, 0ms});
    EXPECT_THAT(play(player, 0ms, 4'000ms, {{1'000ms, 2'000ms}}), testing::ElementsAre("2500 say"));
    EXPECT_FALSE(player.is_finished());
    player.ended_by_other_side(4'000ms);
    EXPECT_TRUE(player.is_finished());
    EXPECT_EQ(player.failure(), "");
}

TEST(CallerPlayer, InterruptsWhileTheAgentSpeaks) {
    const auto script = script_of(
        "steps: [wait_for_agent, {say: Hello}, {interrupt_after_ms: 2000, say: Stop}, hang_up]");
    CallerPlayer player(script, {0ms, 1'000ms, 0ms, 600ms, 0ms});
    // The greeting, then an answer of ten seconds.
    EXPECT_THAT(play(player, 0ms, 9'000ms, {{0ms, 1'000ms}, {3'500ms, 13'500ms}}),
                testing::ElementsAre("1900 say", "5500 say", "6100 hang up"));
}

TEST(CallerPlayer, AWaitMakesTheNextWaitListenToWhatComesAfter) {
    const auto script = script_of(
        "steps: [{wait_for_agent: {silent_for_ms: 100}}, {interrupt_after_ms: 1000}, hang_up]");
    CallerPlayer player(script, {});
    EXPECT_THAT(play(player, 0ms, 9'000ms, {{0ms, 1'000ms}, {3'000ms, 8'000ms}}),
                testing::ElementsAre("4000 hang up"));
}

TEST(CallerPlayer, GivesUpOnAnAgentWhoSaysNothing) {
    const auto script = script_of("steps: [{wait_for_agent: {within_s: 5}}, {say: Hello}]");
    CallerPlayer player(script, {});
    EXPECT_THAT(play(player, 0ms, 6'000ms, {}), testing::ElementsAre("5020 hang up"));
    EXPECT_THAT(player.failure(), testing::HasSubstr("step 1 (wait_for_agent)"));
}

TEST(CallerPlayer, HasATimeLimitForAll) {
    const auto script = script_of("time_limit_s: 2\nsteps: [{silence_ms: 60000}]");
    CallerPlayer player(script, {});
    EXPECT_THAT(play(player, 0ms, 3'000ms, {}), testing::ElementsAre("2020 hang up"));
    EXPECT_THAT(player.failure(), testing::HasSubstr("time limit"));
}

TEST(CallerPlayer, PressesKeysOneByOne) {
    const auto script = script_of("steps: [{press: '12#'}, hang_up]");
    CallerPlayer player(script, {});
    EXPECT_THAT(play(player, 0ms, 1'000ms, {}),
                testing::ElementsAre("0 press", "200 press", "400 press", "400 hang up"));
}

TEST(CallerPlayer, AnEndInTheMiddleIsAFailure) {
    const auto script = script_of("steps: [wait_for_agent, {say: Hello}]");
    CallerPlayer player(script, {});
    play(player, 0ms, 1'000ms, {});
    player.ended_by_other_side(1'000ms);
    EXPECT_THAT(player.failure(), testing::HasSubstr("the call ended"));
}

TEST(CallerScript, SaysWhatIsWrong) {
    const auto wrong = CallerScript::parse("steps:\n  - prss: 1\n", "c.yaml");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().text(),
              "c.yaml:2: step: unknown key \"prss\"; did you mean \"press\"?");
    for (const char* text :
         {"{}", "steps: x", "steps: [dance]", "steps: [say]", "steps: [{press: 1x}]",
          "steps: [{within_s: 3}]", "steps: []\nexpect: {ended_by: aliens}",
          "steps: [{say: '{nothing}'}]"}) {
        EXPECT_FALSE(CallerScript::parse(text, "c.yaml").has_value()) << text;
    }
}

TEST(CallerScript, TheDemoLoads) {
    const auto demo = CallerScript::load(PARLEY_SOURCE_DIR "/examples/demo/caller.yaml");
    ASSERT_TRUE(demo.has_value()) << demo.error().text();
    EXPECT_EQ(demo->steps.size(), 8u);
}

TEST(AgentEar, FindsSentencesAndBridgesShortPauses) {
    std::vector<std::uint8_t> heard;
    const auto add = [&](milliseconds length, bool is_loud) {
        auto tone = audio::sine(440, audio::telephone_hz, length, is_loud ? 0.3 : 0.0);
        const auto begin = heard.size();
        heard.resize(begin + tone.size());
        audio::encode_mulaw(tone, std::span(heard).subspan(begin));
    };
    add(500ms, false);
    add(1'000ms, true);
    add(300ms, false);
    add(200ms, true);
    add(600ms, false);
    add(400ms, true);
    AgentEar ear;
    ear.hear(std::span(heard).first(4'321));
    ear.hear(heard);
    ASSERT_EQ(ear.segments().size(), 2u);
    EXPECT_EQ(ear.segments()[0].begin, 500ms);
    EXPECT_EQ(ear.segments()[0].end, 2'000ms);
    EXPECT_EQ(ear.segments()[1].begin, 2'600ms);
    EXPECT_EQ(ear.segments()[1].end, 3'000ms);
}

}  // namespace
}  // namespace parley::sim
