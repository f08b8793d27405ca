// Scenarios and chats with a model on the network: here the simulated one, by text.
#include "support.hpp"

#include <parley/rehearsal/talk.hpp>
#include <parley/sim/openai_server.hpp>

#include <deque>

namespace parley::rehearsal {
namespace {

using testing::HasSubstr;

const char* const model_yaml = R"(
speed: 0
think_ms: 0
transcription_delay_ms: 0
greeting: from_instructions
turns:
  - heard: "Is tomorrow free?"
    says: "Let me check."
    calls:
      - tool: check_slots
        arguments: {date: "2026-12-02"}
    then:
      - says: "Tomorrow at nine is free."
  - heard: "Thank you, goodbye."
    says: "Goodbye."
    calls: [end_call]
)";

const char* const scenario_yaml = R"(
scenario: x
steps:
  - caller says: Is tomorrow free?
  - model says: What the scripted model says does not matter here.
    model calls: {check_slots: {date: 2026-12-02}}
  - expect: {tool called: check_slots, result contains: 9:00 AM}
  - model says: Nor this.
  - caller says: Thank you, goodbye.
  - model calls: end_call
expect: {heard: Tomorrow at nine is free., hang-up by: agent}
)";

class Live : public testing::Test {
 protected:
    void SetUp() override {
        auto server = sim::OpenAiServer::start(
            {.api_key = "sk-test"}, sim::ModelScript::parse(model_yaml, "model.yaml").value());
        ASSERT_TRUE(server) << server.error().text();
        server_ = std::move(*server);
        model_.base_url = server_->base_url();
        model_.api_key = Secret("sk-test");
    }
    Performed play_live(const std::string& yaml) {
        return perform_live(Scenario::parse(yaml, "a.yaml", *schema()).value(), shipped(), model_)
            .value();
    }

    std::unique_ptr<sim::OpenAiServer> server_;
    engine::OpenAiOptions model_;
};

TEST_F(Live, ComparesToolsAndExpectationsButNotTheModelsWords) {
    const auto performed = play_live(scenario_yaml);
    EXPECT_TRUE(performed.has_passed()) << conversation(performed.record, Ink::plain);
    ASSERT_EQ(server_->sessions().size(), 1u);
    EXPECT_THAT(server_->sessions().front().violations, testing::IsEmpty());
    EXPECT_EQ(server_->sessions().front().appended_ms, 0) << "no audio";
}

TEST_F(Live, SaysWhichToolTheModelDidNotCall) {
    const auto performed = play_live(
        "scenario: x\nsteps:\n  - caller says: Is tomorrow free?\n  - model calls: {check_slots: {date: 2026-12-03}}\n");
    ASSERT_EQ(performed.broken.size(), 1u) << conversation(performed.record, Ink::plain);
    EXPECT_EQ(performed.broken.front().line, 4u);
    EXPECT_THAT(
        performed.broken.front().text,
        HasSubstr("expected the tool check_slots with {\"date\":\"2026-12-03\"} to be called"));
}

TEST_F(Live, LeavesOutTroublesOfTheProvider) {
    const auto performed = perform_live(
        Scenario::parse("scenario: x\nsteps:\n  - provider drops\n", "a.yaml", *schema()).value(),
        shipped(), model_);
    ASSERT_FALSE(performed);
    EXPECT_THAT(performed.error().text(),
                HasSubstr("a.yaml:3: troubles of the provider cannot be played with a real model"));
}

TEST_F(Live, CountsHowOftenAScenarioPasses) {
    Folder folder;
    folder.write("a.yaml", scenario_yaml);
    Suite suite(shipped(), schema(),
                {.paths = {folder.path()}, .filter = "", .live = model_, .times = 3});
    std::vector<TestResult> results;
    suite.run([&](const TestResult& result) { results.push_back(result); });
    ASSERT_EQ(results.size(), 1u);
    EXPECT_EQ(results.front().runs_passed, 3) << results.front().conversation;
    EXPECT_THAT(shown(results.front(), Ink::plain), HasSubstr("3 of 3"));
}

TEST_F(Live, EndsInAnApologyWhenTheKeyIsWrong) {
    model_.api_key = Secret("sk-wrong");
    const auto performed = play_live(
        "scenario: x\nsteps: []\nexpect: {heard: we have a technical problem, outcome: error}\n");
    EXPECT_TRUE(performed.has_passed()) << conversation(performed.record, Ink::plain);
}

std::string chat(TalkOptions options, std::deque<std::string> lines) {
    std::string printed;
    const auto next = [&]() -> std::optional<std::string> {
        if (lines.empty()) return std::nullopt;
        auto line = lines.front();
        lines.pop_front();
        return line;
    };
    const auto done = talk(shipped(), std::move(options), next,
                           [&](const std::string& text) { printed += text; });
    if (!done) printed += done.error().text();
    return printed;
}

TEST_F(Live, TalksToAModelInATerminal) {
    const auto printed =
        chat({.agent = "sarah", .model = model_}, {"Is tomorrow free?", "Thank you, goodbye."});
    EXPECT_THAT(printed, HasSubstr("agent    Thank you for calling Riverside Medical."));
    EXPECT_THAT(printed, HasSubstr("tool     check_slots {\"date\":\"2026-12-02\"}"));
    EXPECT_THAT(printed, HasSubstr("gave   {"));
    EXPECT_THAT(printed, HasSubstr("agent    Tomorrow at nine is free."));
    EXPECT_THAT(printed, HasSubstr("(agent_hung_up)"));
}

TEST(Talk, SaysWhatIsMissing) {
    EXPECT_THAT(chat({.agent = "sarah"}, {}),
                HasSubstr("set OPENAI_API_KEY, or let a scenario play the model"));
}

TEST(Talk, LetsAScenarioPlayTheModel) {
    const auto scenario =
        Scenario::load(source_dir + "/tests/scenarios/books_a_slot.yaml", *schema()).value();
    const auto printed =
        chat({.scenario = scenario}, {"Hello", "/what", "Jo Smith", "Two o'clock"});
    EXPECT_THAT(printed, HasSubstr("tool     check_slots {\"date\":\"2026-12-02\"}"));
    EXPECT_THAT(printed, HasSubstr("/silence 12 waits"));
    EXPECT_THAT(printed, HasSubstr("agent    You are booked for Wednesday at two. Goodbye."));
    EXPECT_THAT(printed, HasSubstr("end      appointment_booked (agent_hung_up)"));
}

TEST(Talk, EndsWithTheInput) {
    const auto scenario =
        Scenario::load(source_dir + "/tests/scenarios/books_a_slot.yaml", *schema()).value();
    EXPECT_THAT(chat({.from = "+15550100055", .scenario = scenario}, {}),
                HasSubstr("end      caller_hung_up (caller_hung_up)"));
}

TEST(Talk, PressesKeysAndLetsTimePass) {
    const auto scenario =
        Scenario::load(source_dir + "/tests/scenarios/keys_pressed.yaml", *schema()).value();
    const auto printed = chat({.scenario = scenario}, {"Hello", "/press 12345#", "/silence 12"});
    EXPECT_THAT(printed, HasSubstr("told     The caller pressed these keys: 12345#"));
    EXPECT_THAT(printed, HasSubstr("agent    Are you still there?"));
}

}  // namespace
}  // namespace parley::rehearsal
