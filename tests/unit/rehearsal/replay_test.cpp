// Calls that were recorded: replayed, and made into scenarios.
#include "support.hpp"

#include <parley/rehearsal/complaint.hpp>
#include <parley/rehearsal/recording.hpp>
#include <parley/rehearsal/replay.hpp>

namespace parley::rehearsal {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string booking =
    "scenario: x\nsteps:\n"
    "  - caller says: Tomorrow at nine, please. Jo Smith.\n"
    "  - model says: One moment.\n    model calls: {check_slots: {date: 2026-12-02}}\n"
    "  - model calls: {book_appointment: {customer_name: Jo Smith, date: 2026-12-02, time: \"9:00 AM\"}}\n"
    "  - model says: You are booked for nine o'clock tomorrow, and we look forward to seeing you then.\n"
    "  - caller interrupts after: 2 s\n    says: Thank you, goodbye.\n"
    "  - model says: Goodbye.\n    model calls: end_call\n";

// Plays the scenario and gives the recording of it.
Recording recorded(const Scenario& scenario, Stage stage = shipped(),
                   std::size_t bytes_max = 16 * 1024 * 1024) {
    Folder folder;
    {
        auto recorder = Recordings::open({.dir = folder.path(), .bytes_max = bytes_max}).value();
        stage.recorder = recorder.get();
        const auto performed = perform(scenario, stage);
        if (!performed) throw std::runtime_error(performed.error().text());
    }
    for (const auto& entry : fs::directory_iterator(folder.path()))
        return Recording::load(entry.path().string()).value();
    throw std::runtime_error("nothing was recorded");
}
Recording recorded(const std::string& yaml, const Stage& stage = shipped()) {
    return recorded(Scenario::parse(yaml, "a.yaml", *schema()).value(), stage);
}

// The shipped scripts with one change.
Stage changed(const Folder& folder, const std::string& file, const std::string& from,
              const std::string& to) {
    fs::copy(source_dir + "/scripts", folder.path(), fs::copy_options::recursive);
    std::string source = folder.read(file);
    const auto at = source.find(from);
    EXPECT_NE(at, std::string::npos);
    folder.write(file, source.replace(at, from.size(), to));
    Stage stage;
    stage.settings = settings_for(folder.path());
    stage.bundle = script::Library::build(folder.path(), stage.settings.agents).value();
    return stage;
}

Difference difference(const Recording& recording, const Stage& stage) {
    const auto replayed = replay(recording, stage).value();
    EXPECT_TRUE(replayed.difference) << "all alike";
    return replayed.difference.value_or(Difference());
}

TEST(Recording, KeepsAudioToTheByte) {
    std::vector<std::uint8_t> speech(160);
    for (std::size_t i = 0; i < speech.size(); ++i) speech[i] = static_cast<std::uint8_t>(i * 7);
    const std::vector<std::vector<std::uint8_t>> all{
        speech, std::vector<std::uint8_t>(160, 0xFF), {0x00}, {}};
    for (const auto& audio : all) {
        const std::string text = event_text(call::CallerAudio{audio});
        std::string scratch;
        std::vector<std::uint8_t> read;
        ASSERT_TRUE(event_of(text, scratch, read)) << text;
        EXPECT_EQ(read, audio) << text;
        auto other = audio;
        if (other.empty()) continue;
        other.back() ^= 1;
        EXPECT_NE(command_text(call::AppendAudio{audio}), command_text(call::AppendAudio{other}));
    }
    std::string scratch;
    std::vector<std::uint8_t> read;
    for (const char* broken : {"audio 160 =f", "audio 3 =gg", "audio 2 AAAA", "audio x", "audio 5"})
        EXPECT_FALSE(event_of(broken, scratch, read)) << broken;
}

TEST(Recording, NamesAFileThatIsNone) {
    Folder folder;
    folder.write("a.events", "hello\n");
    const auto loaded = Recording::load(folder.path() + "/a.events");
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().text(),
                HasSubstr("a.events:1: the first line does not describe a call"));
    EXPECT_FALSE(Recording::load(folder.path() + "/b.events"));
}

TEST(Recording, SurvivesAnyCut) {
    Folder folder;
    {
        auto recorder = Recordings::open({.dir = folder.path()}).value();
        Stage stage = shipped();
        stage.recorder = recorder.get();
        ASSERT_TRUE(perform(Scenario::parse(booking, "a.yaml", *schema()).value(), stage));
    }
    const std::string whole = folder.read("CA00000000000000000000000000000001.events");
    ASSERT_GT(whole.size(), 1'000u);
    for (std::size_t size = 0; size < whole.size(); size += 97) {
        folder.write("cut.events", whole.substr(0, size));
        const auto loaded = Recording::load(folder.path() + "/cut.events");
        if (loaded) {
            EXPECT_TRUE(replay(*loaded, shipped()));
        }
    }
}

TEST(Recording, StaysWithinItsLimitAndSaysSo) {
    const auto cut =
        recorded(Scenario::parse(booking, "a.yaml", *schema()).value(), shipped(), 3'000);
    EXPECT_TRUE(cut.is_cut);
    const auto replayed = replay(cut, shipped()).value();
    EXPECT_FALSE(replayed.difference) << shown(*replayed.difference);
    EXPECT_TRUE(replayed.is_cut);
}

TEST(Replay, OfEveryShippedScenarioIsAlike) {
    for (const auto& [file, played_on] : shipped_scenarios()) {
        SCOPED_TRACE(file);
        const auto scenario = Scenario::load(file, *schema()).value();
        const auto recording = recorded(scenario, *played_on);
        // Vars of a scenario's own are not those of the settings.
        Stage stage = *played_on;
        const auto agent = agent_of(scenario, stage).value();
        stage.settings.agents[agent.name].vars = agent.vars;
        const auto replayed = replay(recording, stage);
        ASSERT_TRUE(replayed) << replayed.error().text();
        EXPECT_FALSE(replayed->difference) << shown(*replayed->difference);
        EXPECT_EQ(replayed->events, recording.lines.size());
        EXPECT_GE(replayed->commands, 5u);
    }
}

TEST(Replay, ShowsAChangedPrompt) {
    Folder folder;
    const auto stage =
        changed(folder, "agents/sarah.lua", "- Warm, calm and brief:", "- Loud and brief:");
    const auto found = difference(recorded(booking), stage);
    EXPECT_EQ(found.what, "the prompt");
    EXPECT_THAT(found.recorded, HasSubstr("- Warm, calm and brief"));
    EXPECT_THAT(found.now, HasSubstr("- Loud and brief"));
}

TEST(Replay, ShowsAChangedTool) {
    const auto recording = recorded(booking);
    {
        Folder folder;
        const auto found = difference(
            recording, changed(folder, "lib/calendar.lua", "and not is_in_break(start)", ""));
        EXPECT_EQ(found.what, "what the script does");
        EXPECT_THAT(found.now, HasSubstr("12:00 PM"));
    }
    {
        Folder folder;
        const auto found = difference(
            recording, changed(folder, "tools/check_slots.lua", "SELECT appointment_time",
                               "SELECT id, appointment_time"));
        EXPECT_EQ(found.what, "what is asked of the database");
        EXPECT_THAT(found.now, HasSubstr("SELECT id, appointment_time"));
    }
    {
        Folder folder;
        const auto found =
            difference(recording, changed(folder, "tools/end_call.lua", "call.hang_up()", ""));
        EXPECT_EQ(found.what, "what the script does");
        EXPECT_EQ(found.recorded, "script hang_up");
    }
}

TEST(Replay, ShowsACommandThatIsNoLongerGiven) {
    auto recording = recorded(booking);
    for (auto& line : recording.lines) {
        for (auto& command : line.commands) {
            if (command.starts_with("truncate ")) command += "x";
        }
    }
    const auto found = difference(recording, shipped());
    EXPECT_THAT(found.what, HasSubstr("what is done after `speech_started"));
    EXPECT_THAT(shown(found), HasSubstr("recorded:"));
}

TEST(ScenarioFromACall, PassesForEveryShippedScenario) {
    for (const auto& [file, stage] : shipped_scenarios()) {
        SCOPED_TRACE(file);
        const auto recording = recorded(Scenario::load(file, *schema()).value(), *stage);
        const auto yaml = scenario_from(recording, *stage, *schema());
        if (!yaml && yaml.error().what == "nobody said anything in this call") continue;
        ASSERT_TRUE(yaml) << yaml.error().text();
        const auto scenario = Scenario::parse(*yaml, "made.yaml", *schema());
        ASSERT_TRUE(scenario) << scenario.error().front().text();
        EXPECT_TRUE(perform(*scenario, *stage).value().has_passed()) << *yaml;
    }
}

TEST(ScenarioFromACall, KeepsWhatWasSaidAndDone) {
    const auto yaml = scenario_from(recorded(booking), shipped(), *schema()).value();
    EXPECT_THAT(yaml, HasSubstr("  - caller says: \"Tomorrow at nine, please. Jo Smith.\""));
    EXPECT_THAT(
        yaml,
        HasSubstr(
            "  - model says: \"One moment.\"\n    model calls:\n      - {check_slots: {\"date\":\"2026-12-02\"}}"));
    EXPECT_THAT(
        yaml,
        HasSubstr(
            "  - expect: {tool called: book_appointment, result: {\"confirmation_number\":\"APT-"));
    EXPECT_THAT(yaml, HasSubstr("  - caller interrupts after: "));
    EXPECT_THAT(yaml, HasSubstr("  - {outcome: \"appointment_booked\"}"));
}

}  // namespace
}  // namespace parley::rehearsal
