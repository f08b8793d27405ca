// The `call` of the scripts.
#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using How = call::SayDone::How;

TEST(Call, KnowsWhoCallsWhomAndSince) {
    Probe probe(
        "return { call.from, call.to, call.sid, call.agent, call.direction, call.started_at }");
    probe.parts.info.started_at = utc(2026, 11, 20, 15, 0);
    EXPECT_EQ(probe.run().text,
              R"(["+15550001111","+15550002222","CA1","tester","inbound",1795186800])");
}

TEST(Call, NamesTheNearestWordForAWrongOne) {
    EXPECT_THAT(error_of("return call.form"),
                HasSubstr("call has no `form`; did you mean `from`?"));
    EXPECT_THAT(error_of("call:sya('x')"), HasSubstr("did you mean `say`?"));
    EXPECT_THAT(error_of("return call.weather"), HasSubstr("facts of your own go into call.vars"));
}

// ---- say --------------------------------------------------------------------------------------

// What call:say() gives the script when the sentence ends like this.
std::string said(How how, const std::string& heard = "") {
    Probe probe(
        "local ok, problem = call:say('One moment.') return { ok = ok, problem = problem }");
    EXPECT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return !probe.events.says.empty(); });
    EXPECT_THAT(probe.events.lines, ElementsAre("say One moment."));
    probe.settle();
    EXPECT_FALSE(is_done);
    probe.heard(how, heard);
    probe.run_until([&] { return is_done; });
    return output.text;
}

TEST(Say, SleepsUntilTheCallerHasHeardIt) {
    EXPECT_EQ(said(How::heard, "One moment."), R"({"ok":true})");
    EXPECT_EQ(
        said(How::interrupted, "One"),
        R"({"problem":{"heard":"One","kind":"interrupted","message":"the caller spoke","retry":false}})");
    EXPECT_THAT(said(How::hung_up), HasSubstr(R"("kind":"hung_up")"));
    EXPECT_THAT(said(How::no_model), HasSubstr(R"("kind":"no_model")"));
    EXPECT_THAT(said(How::too_many), HasSubstr(R"("kind":"busy")"));
}

TEST(Say, DoesNotUseUpTheTimeOfTheTool) {
    Probe probe("call:say('A long story.') return 1", "", "timeout = 0.05,");
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return !probe.events.says.empty(); });
    const auto until = Clock::now() + milliseconds(120);
    probe.run_until([&] { return Clock::now() > until; });
    EXPECT_FALSE(is_done);
    probe.heard();
    probe.run_until([&] { return is_done; });
    EXPECT_EQ(output.text, "1");
}

TEST(Say, WantsWords) {
    EXPECT_THAT(error_of("call:say('  ')"), HasSubstr("call.say: the text is empty"));
    EXPECT_THAT(error_of("call:say(('x'):rep(3000))"),
                HasSubstr("call.say: the text is longer than 2000 characters"));
    EXPECT_THAT(error_of("call:say()"), HasSubstr("call.say"));
    EXPECT_THAT(
        error_of(
            "string.format('%s', setmetatable({}, { __tostring = function() call:say('x') end }))"),
        HasSubstr("cannot be used inside a function that cannot wait"));
}

// ---- the rest ---------------------------------------------------------------------------------

TEST(Call, AsksTellsAndNotes) {
    Probe probe(R"(
        call:ask_model("Ask for the date of birth.")
        call.ask_model("And the name.")
        call:inject("A fact.", { respond = false })
        call.inject("Another.", { respond = true })
        call:note("wants a call back", { at = "noon" })
        call.note("plain")
        return 1)");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_THAT(probe.events.lines,
                ElementsAre("ask Ask for the date of birth.", "ask And the name.", "tell A fact.",
                            "inject Another.", "note wants a call back {\"at\":\"noon\"}",
                            "note plain {}"));
}

TEST(Call, RefusesWhatItDoesNotUnderstand) {
    EXPECT_THAT(error_of("call:inject('x', { answer = true })"),
                HasSubstr("call.inject: expected { respond = true }"));
    EXPECT_THAT(error_of("call:inject('x', 5)"), HasSubstr("call.inject: expected fields"));
    EXPECT_THAT(error_of("call:note('x', { 1, 2 })"), HasSubstr("call.note: expected fields"));
    EXPECT_THAT(error_of("call:note('x', { f = print })"),
                HasSubstr("call.note: field `f` is a function"));
    EXPECT_THAT(error_of("for i = 1, 60 do call:note('x') end"),
                HasSubstr("more than 50 notes in one run"));
    EXPECT_THAT(error_of("call:ask_model('')"), HasSubstr("call.ask_model: the text is empty"));
}

TEST(Memory, KeepsWhatOneAgentKnowsOfOneCaller) {
    Probe probe(R"(
        local before = call:recall("visits")
        call:remember("visits", (before or 0) + 1)
        call.remember("likes", { "tea" })
        return { before = before, likes = call.recall("likes") })");
    EXPECT_EQ(probe.run().text, R"({"likes":["tea"]})");
    EXPECT_EQ(probe.run().text, R"({"before":1,"likes":["tea"]})");
    EXPECT_EQ(probe.keys.values.at("remember/tester/+15550001111/visits"), "2");
    // Of a call that we have placed it remembers whom we called.
    Probe placed("call:remember('visits', 1) return {}");
    placed.parts.info.direction = "outbound";
    placed.run();
    EXPECT_EQ(placed.keys.values.count("remember/tester/+15550002222/visits"), 1U);
    EXPECT_EQ(probe.keys.last_lifetime, std::chrono::hours(24 * 365));
}

TEST(Memory, ForgetsWhatIsSetToNil) {
    Probe probe("call:remember('a', 1) call:remember('a', nil) return { a = call:recall('a') }");
    EXPECT_EQ(probe.run().text, "{}");
    EXPECT_THAT(probe.keys.values, IsEmpty());
}

TEST(Memory, TellsWhenThereIsNothingToRememberBy) {
    for (const char* from : {"anonymous", "", "+266696687", "Restricted", "sip:jo@example.com"}) {
        Probe probe(
            "local ok, problem = call:remember('a', 1) local v, p2 = call:recall('a') return { problem.kind, p2.kind }");
        probe.parts.info.from = from;
        EXPECT_EQ(probe.run().text, R"(["no_number","no_number"])") << from;
    }
    Probe busy("local ok, problem = call:remember('a', 1) return problem");
    busy.keys.problem = store::QueryProblem{store::QueryProblem::Kind::busy, "locked"};
    EXPECT_EQ(busy.run().text, R"({"kind":"busy","message":"locked","retry":true})");
    Probe none("local v, problem = call:recall('a') return problem.message");
    none.parts.services.keys = nullptr;
    EXPECT_EQ(none.run().text, R"("there is no store for what is remembered")");
}

TEST(Memory, WantsAKeyAndData) {
    EXPECT_THAT(error_of("call:remember('', 1)"),
                HasSubstr("expected a key of 1 to 100 characters"));
    EXPECT_THAT(error_of("call:recall()"), HasSubstr("call.recall"));
    EXPECT_THAT(error_of("call:remember('a', print)"), HasSubstr("call.remember"));
    EXPECT_THAT(error_of("call:remember('a', ('x'):rep(20000))"), HasSubstr("call.remember"));
}

}  // namespace
}  // namespace parley::script
