// A recorded call as people listen to it.
#include "support.hpp"

#include <parley/audio/g711.hpp>
#include <parley/rehearsal/sound_track.hpp>

#include <random>

namespace parley::rehearsal {
namespace {

using namespace std::chrono_literals;
using Sound = std::vector<std::uint8_t>;
constexpr std::uint8_t quiet = audio::mulaw_silence;

// Noise, so that no piece is like another.
Sound noise(std::size_t bytes, unsigned seed) {
    std::minstd_rand random(seed);
    Sound sound(bytes);
    for (auto& each : sound) each = static_cast<std::uint8_t>(random() >> 8);
    return sound;
}
Sound part(const Sound& sound, std::size_t from, std::size_t size) {
    Sound out(sound.begin() + static_cast<std::ptrdiff_t>(from),
              sound.begin() + static_cast<std::ptrdiff_t>(std::min(from + size, sound.size())));
    out.resize(size, quiet);
    return out;
}

// A recording of one line after the other.
struct Tape {
    Recording recording;

    Tape& at(milliseconds when, const call::Event& event,
             const std::vector<call::Command>& commands = {}) {
        Recording::Line line{.at = when, .event = event_text(event)};
        for (const auto& each : commands) line.commands.push_back(command_text(each));
        recording.lines.push_back(std::move(line));
        return *this;
    }
    Tape& said(milliseconds when, std::string_view item, const Sound& sound) {
        return at(when, call::AgentAudio{"r", item, 0, sound});
    }
};

TEST(SoundTrack, HasTheCallerFromTheMomentTheyAreOnTheLine) {
    const auto voice = noise(320, 1);
    const auto track = sound_track(Tape()
                                       .at(500ms, call::CallerAttached{})
                                       .at(520ms, call::CallerAudio{part(voice, 0, 160)})
                                       .at(540ms, call::CallerAudio{part(voice, 160, 160)})
                                       .recording);
    EXPECT_EQ(track.caller, voice);
    EXPECT_EQ(track.agent, Sound(320, quiet));
}

TEST(SoundTrack, HasTheAgentWhenItWasSentAndTheRestOfItsLastFrameQuiet) {
    const auto words = noise(400, 2);
    const auto first = part(words, 0, 320), last = part(words, 320, 160);
    const auto track = sound_track(Tape()
                                       .at(0ms, call::CallerAttached{})
                                       .said(90ms, "i1", words)
                                       .at(100ms, call::AlarmRang{}, {call::Play{first}})
                                       .at(110ms, call::AlarmRang{}, {call::Play{last}})
                                       .recording);
    ASSERT_EQ(track.agent.size(), 100u * 8 + 480);
    EXPECT_EQ(part(track.agent, 0, 800), Sound(800, quiet));
    EXPECT_EQ(part(track.agent, 800, 480), part(words, 0, 480));
    EXPECT_EQ(track.unknown, 0ms);
}

TEST(SoundTrack, EndsWhatTheCallerInterrupted) {
    const auto words = noise(1'600, 3), more = noise(160, 4);
    const auto track =
        sound_track(Tape()
                        .at(0ms, call::CallerAttached{})
                        .said(0ms, "i1", words)
                        .at(0ms, call::AlarmRang{}, {call::Play{words}})
                        .at(50ms, call::CallerSpeechStarted{"u1"}, {call::ClearPlayback{}})
                        .said(60ms, "i1", noise(800, 5))  // late, and dropped
                        .said(70ms, "i2", more)
                        .at(80ms, call::AlarmRang{}, {call::Play{more}})
                        .recording);
    EXPECT_EQ(part(track.agent, 0, 400), part(words, 0, 400));
    EXPECT_EQ(part(track.agent, 400, 240), Sound(240, quiet));
    EXPECT_EQ(part(track.agent, 640, 160), more);
    EXPECT_EQ(track.unknown, 0ms);
}

TEST(SoundTrack, KnowsThePhrasesOfTheRuntime) {
    auto phrases = std::make_shared<call::Phrases>();
    phrases->one_moment = noise(500, 6);
    const auto words = noise(320, 7);
    Tape tape;
    tape.recording.call.phrases = phrases;
    const auto played = part(phrases->one_moment, 0, 640);
    const auto track =
        sound_track(tape.at(0ms, call::CallerAttached{})
                        .said(0ms, "i1", words)
                        .at(0ms, call::AlarmRang{}, {call::Play{words}})
                        .at(100ms, call::AlarmRang{}, {call::Play{part(played, 0, 320)}})
                        .at(140ms, call::AlarmRang{}, {call::Play{part(played, 320, 320)}})
                        .recording);
    EXPECT_EQ(part(track.agent, 800, 640), played);
    EXPECT_EQ(track.unknown, 0ms);
}

TEST(SoundTrack, IsQuietWhereNobodyKnowsWhatWasSent) {
    const auto track = sound_track(Tape()
                                       .at(0ms, call::CallerAttached{})
                                       .at(0ms, call::AlarmRang{}, {call::Play{noise(160, 8)}})
                                       .recording);
    EXPECT_EQ(track.agent, Sound(160, quiet));
    EXPECT_EQ(track.unknown, 20ms);
}

TEST(SoundTrack, OfAWholeCallHasEverythingThatWasSent) {
    Folder folder;
    {
        auto recorder = Recordings::open({.dir = folder.path()}).value();
        Stage stage = shipped();
        stage.recorder = recorder.get();
        const auto scenario = Scenario::parse(
            "scenario: x\nsteps:\n  - caller says: Hello.\n"
            "  - model says: You are booked for nine o'clock tomorrow, and we look forward to it.\n"
            "  - caller interrupts after: 1 s\n    says: Thank you, goodbye.\n"
            "  - model says: Goodbye.\n    model calls: end_call\n",
            "a.yaml", *schema());
        ASSERT_TRUE(perform(scenario.value(), stage));
    }
    const auto recording =
        Recording::load(folder.path() + "/CA00000000000000000000000000000001.events").value();
    const auto track = sound_track(recording);
    EXPECT_EQ(track.unknown, 0ms);
    EXPECT_EQ(track.caller.size(), track.agent.size());
    EXPECT_GT(track.agent.size(), 5u * 8'000);
}

}  // namespace
}  // namespace parley::rehearsal
