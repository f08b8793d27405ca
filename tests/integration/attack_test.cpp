// tests/attack/*.lua in calls: each is the tool of an agent with a number of its own. The model
// asks for it as for any other tool, is told that it failed, and goes on; so do the calls beside it.
#include "stage.hpp"

#include "../attack/attacks.hpp"

#include <set>

namespace parley::integration {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

#ifdef PARLEY_SANITIZED
constexpr int cpu_max_ms = 1'000;  // instrumented code must not meet this limit before its own
constexpr std::size_t every = 6;   // two cores cannot carry more calls in real time
#else
constexpr int cpu_max_ms = 50;
constexpr std::size_t every = 1;
#endif
constexpr std::size_t at_once = 31;
constexpr std::size_t bystanders = 4;

const std::string failed =
    R"({"error":"tool_failed","message":"I'm having trouble with our system right now."})";

// Speech enough for all attacks: a bystander hears it while the others attack.
std::string long_story() {
    std::string story;
    for (const char* day : {"Monday", "Tuesday"})
        story += fmt::format(
            "On {} the practice is open from nine in the morning until five, and the doctor is there "
            "for everybody who has an appointment. ",
            day);
    story.pop_back();
    return story;
}

// `which` tells whom the session belongs to. A bystander's agent has no such tool.
std::string model_script(const attack::Staff& staff) {
    std::string text =
        fast +
        "greeting: from_instructions\nturns:\n  - heard: \"Go.\"\n    calls: [which]\n    then:\n";
    for (const auto& attack : staff.attacks())
        text += fmt::format(
            "      - {{when: result.{}, calls: [{}], then: [{{calls: [alive], then: [{{says: \"Done.\"}}]}}]}}\n",
            attack.name, attack::Staff::tool_of(attack));
    return text + "      - {says: \"" + long_story() + "\"}\n";
}

TEST(AttacksInCalls, EndInTheirLimitsAndAreNoticedByNobodyElse) {
    const Folder folder;
    std::filesystem::copy(std::filesystem::path(PARLEY_SOURCE_DIR) / "scripts", folder / "scripts",
                          std::filesystem::copy_options::recursive);
    const auto web = sim::OpenAiServer::start({}, {}).value();
    const attack::Staff staff(PARLEY_SOURCE_DIR, folder / "scripts",
                              fmt::format("127.0.0.1:{}", web->port()));
    StageOptions options;
    options.overlay = staff.scripts_settings(cpu_max_ms) + staff.agents_settings();
    Stage stage(model_script(staff), std::move(options));
    stage.wait_for_phrases();

    std::vector<std::shared_ptr<sim::TwilioCall>> beside;
    for (std::size_t i = 0; i < bystanders; ++i)
        beside.push_back(stage.dial(
            "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: Go}, {wait_for_agent: {silent_for_ms: 1000, within_s: 60}}, hang_up]"));
    ASSERT_TRUE(eventually([&] { return stage.has_happened("says: On Monday"); }));

    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < staff.attacks().size(); i += every) wanted.push_back(i);
    [[maybe_unused]] std::int64_t warm_kb = 0;
    for (std::size_t from = 0; from < wanted.size(); from += at_once) {
        std::vector<std::shared_ptr<sim::TwilioCall>> calls;
        for (std::size_t i = from; i < std::min(from + at_once, wanted.size()); ++i)
            calls.push_back(stage.dial(
                "steps: [{say: Go}, {wait_for_agent: {silent_for_ms: 100, within_s: 90}}, hang_up]",
                [&](auto& call) { call.to = attack::Staff::number_of(wanted[i]); }));
        for (std::size_t i = 0; i < calls.size(); ++i) {
            const auto report = calls[i]->report();
            EXPECT_EQ(report.failure, "") << staff.attacks()[wanted[from + i]].name;
            EXPECT_THAT(report.violations, IsEmpty());
            EXPECT_EQ(stage.ended(calls[i]->sid()).outcome, "caller_hung_up");
        }
        if (from == 0) warm_kb = stage.service().resident_kb();
    }
    for (const auto& call : beside) {
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_THAT(report.violations, IsEmpty());
        EXPECT_GT(share_heard(report.heard, long_story()), 0.98);
        EXPECT_EQ(stage.ended(call->sid()).outcome, "caller_hung_up");
    }

    std::set<std::string> attacked;
    for (const auto& session : stage.model().sessions()) {
        EXPECT_THAT(violations(session), IsEmpty());
        const auto outputs = tool_outputs({session});
        if (outputs.size() == 1) continue;  // a bystander's
        ASSERT_EQ(outputs.size(), 3U);
        attacked.insert(json::parse(outputs[0]).as_object().begin()->key());
        EXPECT_THAT(outputs, ElementsAre(outputs[0], failed, R"("alive")")) << outputs[0];
    }
    EXPECT_EQ(attacked.size(), wanted.size());
    std::vector<std::string> missing;
    eventually([&] {
        missing.clear();
        const auto log = stage.service().log();
        for (const auto i : wanted) {
            auto expected = staff.attacks()[i];
            if (expected.expected == "cpu")
                expected.expected =
                    fmt::format("error: used more than {} ms of computing time", cpu_max_ms);
            auto what = attack::missing_in(log, expected);
            if (!what.empty()) missing.push_back(std::move(what));
        }
        return missing.empty();
    });
    EXPECT_THAT(missing, IsEmpty());
#ifndef PARLEY_SANITIZED  // a sanitizer keeps what is freed
    EXPECT_LT(stage.service().resident_kb() - warm_kb, 24'000);
#endif
}

}  // namespace
}  // namespace parley::integration
