#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Hooks, HearWhatHappensInTheCall) {
    Probe probe("return 1", R"(
        on_caller_said = function(call, text) call:note("caller " .. text) end,
        on_agent_said = function(call, heard, unheard) call:note("agent " .. heard .. "|" .. unheard) end,
        on_interrupted = function(call, heard, unheard) call:note("cut " .. heard .. "|" .. unheard) end,
        on_silence = function(call, seconds) call:note("silence " .. seconds) end)");
    const auto profile = probe.prepare();
    ASSERT_TRUE(profile);
    const auto& hooks = profile->rules.hooks;
    EXPECT_TRUE(hooks.caller_said && hooks.agent_said && hooks.interrupted && hooks.silence);
    EXPECT_FALSE(hooks.dtmf);
    probe.agent->tell(call::CallerWasHeard{"Hello?"});
    probe.agent->tell(call::AgentWasCutOff{"We have", "ten."});
    probe.agent->tell(call::AgentWasHeard{"We have", "ten."});
    probe.agent->tell(call::CallerIsSilent{std::chrono::seconds(10)});
    EXPECT_THAT(probe.events.lines, IsEmpty()) << "never inside tell()";
    probe.run_until([&] { return probe.events.lines.size() == 4; });
    EXPECT_THAT(probe.events.lines,
                ElementsAre("note caller Hello? {}", "note cut We have|ten. {}",
                            "note agent We have|ten. {}", "note silence 10 {}"));
}

TEST(Hooks, RunOneAtATimeAndInOrder) {
    Probe probe("return 1", R"(on_caller_said = function(call, text)
        call:note("begin " .. text)
        db.query("select 1")
        call:note("end " .. text)
    end)");
    ASSERT_TRUE(probe.prepare());
    probe.agent->tell(call::CallerWasHeard{"one"});
    probe.agent->tell(call::CallerWasHeard{"two"});
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    probe.settle();
    EXPECT_THAT(probe.events.lines, ElementsAre("note begin one {}"));
    probe.database.waiting[0](store::QueryAnswer{});
    probe.run_until([&] { return probe.database.waiting.size() == 2; });
    EXPECT_THAT(probe.events.lines,
                ElementsAre("note begin one {}", "note end one {}", "note begin two {}"));
}

TEST(Hooks, ThatFailAreLoggedAndTheNextOneRuns) {
    for (const char* body : {"error('no')", "while true do end", "local x = nil; x.y = 1"}) {
        Probe probe("return 1",
                    fmt::format(R"(vars = {{ n = 0 }}, on_caller_said = function(call, text)
            if text == "bad" then {} end
            call:note(text)
        end)",
                                body));
        ASSERT_TRUE(probe.prepare());
        testing::internal::CaptureStderr();
        probe.agent->tell(call::CallerWasHeard{"bad"});
        probe.agent->tell(call::CallerWasHeard{"good"});
        probe.run_until([&] { return !probe.events.lines.empty(); });
        EXPECT_THAT(testing::internal::GetCapturedStderr(),
                    HasSubstr("agents/tester.lua on_caller_said"))
            << body;
        EXPECT_THAT(probe.events.lines, ElementsAre("note good {}")) << body;
    }
}

TEST(Hooks, AreGivenUpWhenTheyTakeTooLong) {
    Probe probe("return 1", R"(on_caller_said = function(call, text)
        if text == "slow" then db.query("select 1") end
        call:note(text)
    end)");
    probe.parts.limits.tool_timeout = milliseconds(20);
    ASSERT_TRUE(probe.prepare());
    probe.agent->tell(call::CallerWasHeard{"slow"});
    probe.agent->tell(call::CallerWasHeard{"quick"});
    probe.run_until([&] { return !probe.events.lines.empty(); });
    EXPECT_THAT(probe.events.lines, ElementsAre("note quick {}"));
}

TEST(Hooks, WaitInALineThatHasAnEnd) {
    Probe probe("return 1", R"(on_dtmf = function(call, digit)
        if digit == "1" then db.query("select 1") end
        return true
    end)");
    probe.parts.budgets.hooks_queued_max = 2;
    ASSERT_TRUE(probe.prepare());
    testing::internal::CaptureStderr();
    probe.agent->tell(call::KeyPressed{1, '1'});
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    for (std::uint64_t id = 2; id <= 4; ++id) probe.agent->tell(call::KeyPressed{id, '2'});
    probe.run_until([&] { return !probe.events.lines.empty(); });
    EXPECT_THAT(probe.events.lines, ElementsAre("key 4 free")) << "dropped, and so the model's";
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("script.hook_dropped"));
    probe.database.waiting[0](store::QueryAnswer{});
    probe.run_until([&] { return probe.events.lines.size() == 4; });
    EXPECT_THAT(probe.events.lines,
                ElementsAre("key 4 free", "key 1 handled", "key 2 handled", "key 3 handled"));
}

TEST(Hooks, HandleAKeyByReturningTrue) {
    for (const auto& [body, answer] :
         std::map<std::string, std::string>{{"return true", "key 7 handled"},
                                            {"return digit == '5'", "key 7 handled"},
                                            {"return false", "key 7 free"},
                                            {"", "key 7 free"},
                                            {"return 'yes'", "key 7 free"},
                                            {"error('no')", "key 7 free"},
                                            {"while true do end", "key 7 free"}}) {
        Probe probe("return 1", fmt::format("on_dtmf = function(call, digit) {} end", body));
        ASSERT_TRUE(probe.prepare());
        probe.agent->tell(call::KeyPressed{7, '5'});
        probe.run_until([&] { return !probe.events.lines.empty(); });
        EXPECT_THAT(probe.events.lines, ElementsAre(answer)) << body;
    }
}

TEST(Hooks, ChangeVarsForToolsAndTheWayBack) {
    Probe probe("call.vars.n = call.vars.n + 1 return call.vars.n", R"(vars = { n = 10 },
        on_caller_said = function(call) call.vars.n = call.vars.n * 2 call:note("n " .. call.vars.n) end)");
    EXPECT_EQ(probe.run().text, "11");
    probe.agent->tell(call::CallerWasHeard{"x"});
    probe.run_until([&] { return !probe.events.lines.empty(); });
    EXPECT_THAT(probe.events.lines, ElementsAre("note n 22 {}"));
    EXPECT_EQ(probe.run().text, "23");
}

TEST(Hooks, HearOfToolsThatFail) {
    const auto told = [](const std::string& body, const std::string& arguments = "{}",
                         const std::string& extra = "") {
        Probe probe(body, R"(on_tool_error = function(call, tool, problem)
            call:note(tool .. " " .. problem.kind .. " " .. problem.message)
        end)",
                    "params = { n = param.integer { 'x' } }," + extra);
        probe.run(arguments);
        probe.settle();
        return probe.events.lines;
    };
    EXPECT_THAT(told("error('no', 0)"), ElementsAre("note probe error no {}"));
    EXPECT_THAT(
        told("while true do end"),
        ElementsAre(
            "note probe limit tools/probe.lua:1: used more than 50 ms of computing time {}"));
    EXPECT_THAT(
        told("sleep(9)", "{}", "timeout = 0.02,"),
        ElementsAre("note probe timeout tools/probe.lua:2: gave no result within 20 ms {}"));
    EXPECT_THAT(told("return fail('Our calendar is down.')"),
                ElementsAre("note probe failed Our calendar is down. {}"));
    EXPECT_THAT(told("return fail('Sorry.', { kind = 'busy', message = 'locked' })"),
                ElementsAre("note probe busy locked {}"));
    EXPECT_THAT(told("return 1"), IsEmpty());
    EXPECT_THAT(told("return 1", R"({"n":"x"})"), IsEmpty()) << "the model mends that itself";
    EXPECT_THAT(told("while true do end", "{}", "idempotent = true,"), IsEmpty())
        << "it is run once more first";
}

TEST(Hooks, EndWithTheCall) {
    Probe probe(
        "return 1",
        R"(on_caller_said = function(call, text) db.query("select 1") call:note(text) end)");
    ASSERT_TRUE(probe.prepare());
    probe.agent->tell(call::CallerWasHeard{"one"});
    probe.agent->tell(call::CallerWasHeard{"two"});
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    probe.end();
    probe.agent->tell(call::CallerWasHeard{"three"});
    probe.database.waiting[0](store::QueryAnswer{});
    probe.settle();
    EXPECT_THAT(probe.events.lines, IsEmpty());
    EXPECT_EQ(probe.database.statements.size(), 1u);
}

}  // namespace
}  // namespace parley::script
