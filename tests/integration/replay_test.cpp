// A call over real sockets is recorded, replayed by the command, and made into a scenario.
#include "stage.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

namespace parley::integration {
namespace {

using testing::HasSubstr;

struct Ran {
    int status = -1;
    std::string output;
};

// Runs parley with these arguments.
Ran parley(const std::string& arguments, const std::string& output_file) {
    const std::string command =
        std::string(PARLEY_BIN) + " " + arguments + " > " + output_file + " 2>&1";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of_file(output_file)};
}

TEST(ARecordedCall, ReplaysByteForByteAndBecomesAScenario) {
    StageOptions options;
    options.overlay = "calls: {record: events}\n";
    Stage stage(fast + R"(
greeting: from_instructions
turns:
  - heard: "Hello, Tuesday please."
    says: "Let me check."
    calls:
      - {tool: check_slots, arguments: {date: "{date: open_weekday}"}}
    then:
      - says: "I have ten o'clock, half past ten, eleven o'clock and half past eleven for you on that day."
  - heard: "Ten o'clock."
    says: "Goodbye."
    calls: [end_call]
)",
                std::move(options));
    const auto call = stage.dial(R"(
steps:
  - wait_for_agent: {silent_for_ms: 700}
  - say: "Hello, Tuesday please."
  - wait_for_agent: {silent_for_ms: 100}
  - interrupt_after_ms: 1500
    say: "Ten o'clock."
  - wait_for_hang_up
)");
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(stage.ended(call->sid()).reason, "agent_hung_up");
    stage.service().signal(SIGTERM);
    ASSERT_EQ(stage.service().exit_status(), 0);

    const std::string output = stage.database() + ".out";
    const std::string which = call->sid() + " --database " + stage.database();
    const auto replayed = parley("replay " + which, output);
    EXPECT_EQ(replayed.status, 0) << replayed.output;
    EXPECT_THAT(replayed.output, HasSubstr("all alike"));

    // One letter of what the model said, and what the caller would have heard is another sound.
    const auto recordings = std::filesystem::path(stage.database()).parent_path() / "recordings";
    std::string recorded = text_of_file((recordings / (call->sid() + ".events")).string());
    std::smatch found;
    ASSERT_TRUE(
        std::regex_search(recorded, found, std::regex("\"audio\":\"\\d+ [A-Za-z0-9+/]{99}")));
    char& one = recorded[static_cast<std::size_t>(found.position() + found.length() - 1)];
    one = one == 'A' ? 'B' : 'A';
    const std::string other = stage.database() + ".events";
    std::ofstream(other, std::ios::binary) << recorded;
    const auto differs = parley("replay " + other, output);
    EXPECT_EQ(differs.status, 1) << differs.output;
    EXPECT_THAT(differs.output, HasSubstr(" differs\n  recorded: play "));

    // A prompt that was changed since.
    const auto scripts = std::filesystem::path(stage.database()).parent_path() / "changed";
    std::filesystem::copy(std::string(PARLEY_SOURCE_DIR) + "/scripts", scripts,
                          std::filesystem::copy_options::recursive);
    std::string sarah = text_of_file((scripts / "agents/sarah.lua").string());
    const std::string warm = "- Warm, calm and brief:";
    ASSERT_NE(sarah.find(warm), std::string::npos);
    std::ofstream(scripts / "agents/sarah.lua")
        << sarah.replace(sarah.find(warm), warm.size(), "- Cool and brief:");
    std::ofstream(scripts / "overlay.yaml") << "scripts: {dir: " << scripts.string() << "}\n";
    const auto changed =
        parley("replay " + which + " --overlay " + (scripts / "overlay.yaml").string(), output);
    EXPECT_EQ(changed.status, 1) << changed.output;
    EXPECT_THAT(changed.output, HasSubstr("the prompt differs"));
    EXPECT_THAT(changed.output, HasSubstr("- Cool and brief:"));

    const auto made = parley("scenario from " + which, output);
    ASSERT_EQ(made.status, 0) << made.output;
    EXPECT_THAT(made.output, HasSubstr("caller says: \"Hello, Tuesday please.\""));
    const std::string file = stage.database() + ".yaml";
    std::ofstream(file) << made.output;
    const auto tested = parley("test " + file, output);
    EXPECT_EQ(tested.status, 0) << tested.output << made.output;
}

}  // namespace
}  // namespace parley::integration
