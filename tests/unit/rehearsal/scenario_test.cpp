// What is said of scenario files that are wrong.
#include "support.hpp"

namespace parley::rehearsal {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ScenarioFile, MustSayWhatHappens) {
    EXPECT_THAT(faults_of("steps: []\n"), ElementsAre("a.yaml: scenario: missing"));
    EXPECT_THAT(faults_of("scenario: x\nstep: []\n"),
                ElementsAre("a.yaml: steps: missing",
                            "a.yaml:2: step: unknown key; did you mean \"steps\"?"));
}

TEST(ScenarioFile, NamesTheStepThatWasMeant) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller say: hello\n"),
        ElementsAre("a.yaml:3: steps.0.caller say: unknown step; did you mean \"caller says\"?"));
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller hang up\n"),
        ElementsAre(
            "a.yaml:3: steps.0: expected one of caller hangs up, provider drops, provider drops for good, provider stalls, "
            "found \"caller hang up\"; did you mean caller hangs up?"));
}

TEST(ScenarioFile, NamesTheExpectationThatWasMeant) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller says: hi\nexpect: {heart: hello}\n"),
        ElementsAre("a.yaml:4: expect.heart: unknown expectation; did you mean \"heard\"?"));
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - expect: [{with: {a: 1}}]\n"),
        ElementsAre(
            "a.yaml:3: steps.0.expect.0: `with`, `times`, `result`, `result contains` and `within` go with `tool called`; "
            "name the tool: tool called: ..."));
}

TEST(ScenarioFile, NamesTheWaysATransferGoes) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - transfer: engaged\n"),
        ElementsAre("a.yaml:3: steps.0.transfer: expected one of answered, no answer, busy, "
                    "declined, failed, found \"engaged\""));
    EXPECT_THAT(faults_of("scenario: x\nsteps: []\nexpect: {digits: \"1+2\"}\n"),
                ElementsAre("a.yaml:3: expect.digits: expected keys such as \"1w2#\", in "
                            "quotation marks, found \"1+2\""));
}

TEST(ScenarioFile, WantsOneStepBehindEachDash) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller says: hi\n    model says: hello\n"),
        ElementsAre(
            "a.yaml:3: steps.0: two steps in one: model, caller says; begin each with a dash of its own"));
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - says: hi\n"),
        ElementsAre(
            "a.yaml:3: steps.0: a step without a beginning; begin with `caller says`, `model says`, `expect` ..."));
}

TEST(ScenarioFile, WantsTimesWithTheirUnits) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller is silent for: 12\n"),
        ElementsAre(
            "a.yaml:3: steps.0.caller is silent for: expected a time with its unit, such as 1.5 s, found \"12\""));
}

TEST(ScenarioFile, SaysHowToGiveATool) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - model calls: {check_slots: tomorrow}\n"),
        ElementsAre(
            "a.yaml:3: steps.0.model calls.check_slots: expected the arguments of the tool, such as {date: 2026-12-01}; "
            "put the tool's name before a colon, and its arguments into braces after it"));
}

TEST(ScenarioFile, AnInterruptionNeedsWords) {
    EXPECT_THAT(
        faults_of("scenario: x\nsteps:\n  - caller interrupts after: 1 s\n"),
        ElementsAre(
            "a.yaml:3: steps.0: an interruption needs either `says` or `presses`; write what the caller says: says: \"...\""));
}

TEST(ScenarioFile, ReadsEveryShapeOfAToolCall) {
    const auto scenario = Scenario::parse(
        "scenario: x\nsteps:\n  - model calls: end_call\n  - model calls: {a: {b: 1}, c: }\n  - model calls: [a, {b: {c: 2}}]\n",
        "a.yaml", *schema());
    ASSERT_TRUE(scenario) << scenario.error().front().text();
    std::vector<std::string> calls;
    for (const auto& step : scenario->steps) {
        for (const auto& call : step.model.calls) calls.push_back(call.tool + call.arguments);
    }
    EXPECT_THAT(calls, ElementsAre("end_call{}", "a{\"b\":1}", "c{}", "a{}", "b{\"c\":2}"));
}

TEST(ScenarioFile, ReadsDurations) {
    EXPECT_EQ(duration_of("300 ms"), milliseconds(300));
    EXPECT_EQ(duration_of("1.5 s"), milliseconds(1'500));
    EXPECT_EQ(duration_of("2min"), milliseconds(120'000));
}

TEST(ScenarioFile, TheShippedOnesAreRight) {
    EXPECT_GE(shipped_scenarios().size(), 25u);
    for (const auto& [file, stage] : shipped_scenarios()) {
        const auto scenario = Scenario::load(file, *schema());
        EXPECT_TRUE(scenario) << scenario.error().front().text();
    }
}

TEST(ScenarioFile, MustFitTheAgentAndTheTables) {
    const auto why = [](const std::string& yaml) {
        const auto scenario = Scenario::parse(yaml, "a.yaml", *schema());
        if (!scenario) return scenario.error().front().text();
        const auto performed = perform(*scenario, shipped());
        return performed ? std::string("played") : performed.error().text();
    };
    EXPECT_EQ(why("scenario: x\ncall: {agent: sara}\nsteps: []\n"),
              "a.yaml:2: call: there is no agent \"sara\"; did you mean \"sarah\"?");
    EXPECT_EQ(
        why("scenario: x\ncall:\n  vars: {clinik: y}\nsteps: []\n"),
        "a.yaml:2: call: agents.sarah: vars.clinik: agents/sarah.lua has no such var; did you mean \"clinic\"?");
    EXPECT_EQ(
        why("scenario: x\ncall: {at: 2026-02-30 10:00}\nsteps: []\n"),
        "a.yaml:2: call: there is no time 2026-02-30 10:00; write a time such as 2026-12-01 10:00");
    EXPECT_EQ(
        why("scenario: x\ngiven:\n  database:\n    - appointment: {name: y}\nsteps: []\n"),
        "a.yaml:4: given.database.0.appointment: no such table: appointment; correct the row, or the table in scripts/migrations");
}

}  // namespace
}  // namespace parley::rehearsal
