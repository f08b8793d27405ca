// Staff make a second agent, route a number to it, break it and mend it while the practice's line is
// busy. Whoever is on the telephone must not notice.
#include "desk.hpp"

namespace parley::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

#ifdef PARLEY_SANITIZED
constexpr std::size_t busy_lines = 6;  // instrumented, two cores cannot carry twenty in real time
#else
constexpr std::size_t busy_lines = 20;
#endif
constexpr std::size_t tool_uses = 3;  // calls to the new number
const std::string new_number = "+15550100777";

// Speech enough for all that staff do meanwhile.
std::string long_story() {
    std::string story;
    for (const char* day : {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday"})
        story += fmt::format(
            "On {} the practice is open from nine in the morning until five, and the doctor is there "
            "for everybody who has an appointment. ",
            day);
    story.pop_back();
    return story;
}

// Only the new agent has the tool: to all others the model tells the story.
std::string model_script() {
    return fast + R"(
greeting: from_instructions
turns:
  - heard: "Go."
    calls: [opening_hours]
    then:
      - {when: result.opens, says: "In the evening we open at {result.opens}."}
      - {says: ")" +
           long_story() + "\"}\n";
}

std::string evening_agent() {
    return R"(return agent {
  api = 1,
  greeting = "Good evening, this is {practice}.",
  prompt = "You answer in the evening.",
  vars = { practice = "nobody" },
  tools = { "opening_hours" },
}
)";
}

std::string opening_hours(const std::string& key, const std::string& hour) {
    return "return tool {\n  api = 1,\n  " + key +
           " = \"When the practice opens.\",\n  run = function()\n    return { opens = \"" + hour +
           "\" }\n  end,\n}\n";
}

std::string ask_new_number(Desk& desk) {
    const auto call = desk.stage().dial(
        "steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: Go}, {wait_for_agent: {silent_for_ms: 300}}, hang_up]",
        [](auto& options) { options.to = new_number; });
    const auto report = call->report();
    EXPECT_EQ(report.failure, "");
    EXPECT_THAT(report.violations, IsEmpty());
    EXPECT_GT(share_heard(report.heard, "Good evening, this is Evening Medical."), 0.8);
    const auto row = desk.stage().ended(call->sid());
    EXPECT_EQ(row.agent, "evening");
    EXPECT_EQ(row.outcome, "caller_hung_up");
    for (const std::string hour : {"six", "seven"})
        if (share_heard(report.heard, "In the evening we open at " + hour + ".") > 0.9) return hour;
    return "neither";
}

TEST(NewStaff, MakeAnAgentBreakItAndMendItWhileTwentyCallsHearNothingOfIt) {
    Desk desk(model_script(), "auto", {"--set", "calls.silence_before_prompt_ms=100000"});
    desk.stage().wait_for_phrases();
    std::vector<std::shared_ptr<sim::TwilioCall>> busy;
    for (std::size_t i = 0; i < busy_lines; ++i)
        busy.push_back(desk.dial(
            "{time_limit_s: 300, steps: [{wait_for_agent: {silent_for_ms: 300}}, {say: Go}, {wait_for_hang_up: {within_s: 300}}]}"));
    const auto tools_used = [&] { return tool_outputs(desk.stage().model().sessions()).size(); };
    ASSERT_TRUE(eventually([&] { return tools_used() == busy_lines; }));

    desk.save_script("tools/opening_hours.lua", opening_hours("about", "six"));
    desk.save_script("agents/evening.lua", evening_agent());
    Desk::save(
        desk.stage().overlay(),
        "scripts: {dir: \"" + desk.path("") +
            "\"}\nagents:\n  front: {script: front, vars: {mark: one}}\n  evening: {script: evening, vars: {practice: Evening Medical}}\n"
            "numbers:\n  default: front\n  " +
            new_number + ": evening\n");
    const std::vector<std::string> overlay{"--overlay", desk.stage().overlay()};
    const auto command = [&](const std::string& word) {
        auto words = overlay;
        words.push_back(word);
        return desk.service().command(words);
    };
    // The watcher may have seen the three files one by one.
    ASSERT_TRUE(eventually([&] {
        return desk.generation() > 1 &&
               command("diff").output.find("Nothing changes: generation") != std::string::npos;
    }));
    EXPECT_EQ(ask_new_number(desk), "six");
    const auto good = desk.generation();

    desk.save_script("tools/opening_hours.lua", opening_hours("abuot", "seven"));
    const std::string where = "tools/opening_hours.lua:3: ";
    const std::string what = "unknown key `abuot`; did you mean `about`?";
    ASSERT_TRUE(eventually([&] { return desk.service().has_logged(where + what); }));
    const auto checked = command("check");
    EXPECT_NE(checked.status, 0);
    const auto shown = command("status");
    for (const auto& output : {checked.output, shown.output})
        EXPECT_THAT(output, AllOf(HasSubstr(where + "error: " + what),
                                  HasSubstr("\n     3 |   abuot = \"When the practice opens.\",")));
    EXPECT_THAT(shown.output, HasSubstr(fmt::format("generation {} serves on", good)));
    EXPECT_EQ(ask_new_number(desk), "six") << "what served before serves on";

    desk.save_script("tools/opening_hours.lua", opening_hours("about", "seven"));
    ASSERT_TRUE(desk.reaches(good + 1));
    EXPECT_EQ(ask_new_number(desk), "seven");

    EXPECT_TRUE(eventually(
        [&] { return number(desk.status(), "calls") == static_cast<std::int64_t>(busy_lines); }));
    ASSERT_TRUE(eventually([&] {
        return desk.stage().value(
                   "SELECT count(*) FROM transcript WHERE text LIKE '%On Friday%'") ==
               fmt::format("{}", busy_lines);
    }));
    for (const auto& call : busy) call->hang_up();
    for (const auto& call : busy) {
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_THAT(report.violations, IsEmpty());
        EXPECT_THAT(report.clears, IsEmpty());
        EXPECT_GT(share_heard(report.heard, long_story()), 0.98);
        // A gap anywhere in the story would make it longer.
        ASSERT_GE(report.agent.size(), 2U);
        const auto story = report.agent.back().end - report.agent[1].begin;
        EXPECT_LT(story - time_to_say(long_story()), 200ms);
        const auto row = desk.stage().ended(call->sid());
        EXPECT_EQ(row.agent, "front");
        EXPECT_EQ(row.outcome, "caller_hung_up");
        EXPECT_EQ(row.reason, "caller_hung_up");
    }
    EXPECT_EQ(desk.stage().value(
                  "SELECT count(*) FROM journal WHERE type IN ('problem', 'provider_lost')"),
              "0");
    for (const auto& session : desk.stage().model().sessions())
        EXPECT_THAT(violations(session), IsEmpty());
    EXPECT_EQ(tools_used(), busy_lines + tool_uses);
    fmt::print("{} calls on the line, {} generations\n", busy_lines,
               desk.status().at("generations").as_array().size());
}

}  // namespace
}  // namespace parley::integration
