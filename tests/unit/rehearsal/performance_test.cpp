// What is said of calls that went otherwise than expected.
#include "support.hpp"

namespace parley::rehearsal {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string head = "scenario: x\nsteps:\n";

TEST(Scenario, SaysWhatWasHeardInstead) {
    EXPECT_THAT(
        broken_by(
            head +
            "  - caller says: hi\n  - model says: Hello there.\n  - expect: {heard: Good morning}\n"),
        ElementsAre("line 5: expected the caller to hear \"Good morning\"; found Hello there."));
}

TEST(Scenario, CountsOnlyWhatTheCallerReallyHeard) {
    const std::string steps =
        head +
        "  - caller says: hi\n"
        "  - model says: We have nine, ten, eleven, twelve, one, two, three, four, five and six o'clock.\n"
        "  - caller interrupts after: 1 s\n    says: Ten.\n";
    EXPECT_THAT(broken_by(steps + "  - expect: {heard: six o'clock}\n"),
                ElementsAre(HasSubstr("line 7: expected the caller to hear \"six o'clock\"")));
    EXPECT_THAT(
        broken_by(
            steps +
            "  - expect: {heard: We have nine, unheard: six o'clock, never heard: six o'clock}\n"),
        IsEmpty());
}

TEST(Scenario, SaysWhichToolWasCalledInstead) {
    const std::string steps =
        head + "  - caller says: hi\n  - model calls: {check_slots: {date: 2026-12-02}}\n";
    EXPECT_THAT(
        broken_by(steps + "  - expect: {tool called: book_appointment}\n"),
        ElementsAre(
            "line 5: expected the tool book_appointment to be called; found only check_slots"));
    EXPECT_THAT(
        broken_by(steps + "  - expect: {tool called: check_slots, with: {date: 2026-12-03}}\n"),
        ElementsAre(
            "line 5: expected the tool check_slots with {\"date\":\"2026-12-03\"} to be called; found date: expected "
            "\"2026-12-03\", found \"2026-12-02\""));
    EXPECT_THAT(
        broken_by(steps + "  - expect: {tool called: check_slots, times: 2}\n"),
        ElementsAre("line 5: expected the tool check_slots to be called 2 times; found 1 calls"));
    EXPECT_THAT(
        broken_by(steps +
                  "  - expect: {tool called: check_slots, result: {reason: We are closed.}}\n"),
        ElementsAre(
            "line 5: expected check_slots to return {\"reason\":\"We are closed.\"}; found reason: expected \"We are closed.\", found nothing"));
    EXPECT_THAT(
        broken_by(steps + "  - expect: {tool not called: check_slots}\n"),
        ElementsAre(
            "line 5: expected the tool check_slots not to be called; found check_slots {\"date\":\"2026-12-02\"}"));
}

TEST(Scenario, SaysHowTheCallEndedInstead) {
    EXPECT_THAT(
        broken_by(
            head +
            "  - caller says: hi\n  - model says: Hello.\nexpect: {outcome: booked, hang-up by: agent}\n"),
        ElementsAre("line 5: expected the outcome booked; found caller_hung_up",
                    "line 5: expected the call to be ended by agent; found by caller"));
}

TEST(Scenario, SaysWhichOrderWasBroken) {
    EXPECT_THAT(
        broken_by(
            head +
            "  - caller says: hi\n  - model says: One.\n  - caller says: more\n  - model says: Two.\n"
            "expect: {in order: [{heard: Two}, {heard: One}]}\n"),
        ElementsAre(
            "line 7: expected `heard: One` after `heard: Two`; found it did not happen after that"));
}

TEST(Scenario, SaysWhatTheRowsAre) {
    EXPECT_THAT(
        broken_by(head +
                  "  - caller says: hi\nexpect: {database: {SELECT 1 AS one: [{one: 2}]}}\n"),
        ElementsAre(
            "line 4: expected SELECT 1 AS one to give [{\"one\":2}]; found [0].one: expected 2, found 1"));
    EXPECT_THAT(broken_by(head + "  - caller says: hi\nexpect: {database: {SELECT x FROM y: 1}}\n"),
                ElementsAre("line 4: expected rows of SELECT x FROM y; found no such table: y"));
}

TEST(Scenario, StopsWhereAStepCannotCome) {
    EXPECT_THAT(
        broken_by(head + "  - model says: Hello.\n"),
        ElementsAre(
            "line 3: the scenario stopped at `model says: Hello.`; found nothing has asked the model to answer"));
    EXPECT_THAT(
        broken_by(head + "  - caller hangs up\n  - caller says: hi\n"),
        ElementsAre(
            "line 4: the scenario stopped at `caller says: hi`; found the call was over: caller_hung_up (caller_hung_up)"));
    EXPECT_THAT(
        broken_by(
            head +
            "  - caller says: hi\n  - model says: Hello.\n  - caller interrupts after: 9 s\n    says: wait\n"),
        ElementsAre(HasSubstr(
            "line 5: the scenario stopped at `caller interrupts after`; found the agent had finished after")));
}

TEST(Scenario, FailsOnAnErrorOfAScriptThatNobodyExpects) {
    const OwnStage own(
        {{"agents/tester.lua", "return agent { api = 1, prompt = 'p', tools = { 'probe' } }"},
         {"tools/probe.lua",
          "return tool { api = 1, about = 'a', run = function()\n  local rows\n  return rows.x\nend }"}});
    const std::string steps =
        head + "  - caller says: hi\n  - model calls: probe\n  - model says: Sorry.\n";
    EXPECT_THAT(
        broken_by(steps, own.stage),
        ElementsAre(
            "a script failed; found tools/probe.lua:3: `rows` is nil, so it has no fields; check where it gets its value"));
    EXPECT_THAT(broken_by(steps + "expect: {script error: \"`rows` is nil\"}\n", own.stage),
                IsEmpty());
}

TEST(Scenario, SaysThatAToolCouldNotBeSlowed) {
    EXPECT_THAT(
        broken_by(
            head +
            "  - slow tool: {tool: end_call, by: 1 s}\n  - caller says: bye\n  - model calls: end_call\n"),
        ElementsAre(
            "expected the tool end_call to be slow; found it was not run, or waited for nothing"));
}

TEST(Scenario, SeesVarsThatAScriptHasChanged) {
    const OwnStage own(
        Files{{"agents/tester.lua",
               "return agent { api = 1, prompt = 'Hello {who}', vars = { who = 'nobody' },\n"
               "  on_start = function(call) call.vars.who = call.from end }"}});
    EXPECT_THAT(
        broken_by(
            "scenario: x\ncall: {from: '+1555'}\nsteps:\n  - expect: {vars: {who: '+1555'}, instructions contain: Hello +1555}\n",
            own.stage),
        IsEmpty());
    EXPECT_THAT(
        broken_by("scenario: x\ncall: {from: '+1555'}\nsteps:\n  - expect: {vars: {who: you}}\n",
                  own.stage),
        ElementsAre(
            "line 4: expected vars {\"who\":\"you\"}; found who: expected \"you\", found \"+1555\""));
}

TEST(Scenario, PlaysTheSameWayEachTime) {
    const std::string yaml =
        head +
        "  - caller says: hi\n  - model calls: {book_appointment: {customer_name: Jo, date: 2026-12-02, time: 9:00 AM}}\n  - model says: Done.\n";
    EXPECT_EQ(conversation(play(yaml).record, Ink::plain),
              conversation(play(yaml).record, Ink::plain));
}

TEST(Scenario, ShowsWhatIsBrokenWhereItBroke) {
    const auto text = conversation(
        play(
            head +
            "  - caller says: hi\n  - model says: One.\n  - expect: {heard: Two}\n  - caller says: bye\n  - model says: Bye.\n")
            .record,
        Ink::plain);
    const auto one = text.find("agent    One.");
    const auto mark =
        text.find("  ✗ line 5: expected the caller to hear \"Two\"\n                found: One.");
    const auto bye = text.find("caller   bye");
    ASSERT_NE(mark, std::string::npos) << text;
    EXPECT_LT(one, mark);
    EXPECT_LT(mark, bye);
}

}  // namespace
}  // namespace parley::rehearsal
