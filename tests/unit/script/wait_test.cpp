// sleep() and parallel{}.
#include "fakes.hpp"

namespace parley::script {
namespace {

using testing::HasSubstr;

TEST(Sleep, WaitsByTheCallsClock) {
    WideProbe probe("sleep(0.02) sleep(0) return 'awake'");
    const auto before = Clock::now();
    EXPECT_EQ(probe.run().text, R"("awake")");
    EXPECT_GE(Clock::now() - before, std::chrono::milliseconds(20));
}

TEST(Sleep, IsLimited) {
    for (const char* bad : {"-1", "61", "'1'", "0/0"}) {
        WideProbe probe(fmt::format("sleep({})", bad));
        EXPECT_THAT(log_of_run(probe), HasSubstr("sleep: seconds: expected a number from 0 to 60"))
            << bad;
    }
    WideProbe many("while true do sleep(0) end");
    EXPECT_THAT(log_of_run(many),
                HasSubstr("tools/probe.lua:2: sleep: more than 50 waits in one run"));
    WideProbe late("sleep(60)", "timeout = 0.05,");
    EXPECT_THAT(log_of_run(late), HasSubstr("gave no result within 50 ms"));
}

TEST(Parallel, WaitsForAllBranchesAtOnce) {
    WideProbe probe(
        "local r, problems = parallel { a = function() return db.query('select 1')[1].x end, "
        "b = function() return http.get('https://api.example/').status end, c = function() return 'c' end } "
        "return { r, next(problems) == nil }");
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until(
        [&] { return probe.web.waiting.size() == 1 && probe.database.waiting.size() == 1; });
    probe.web.waiting[0](net::Response{201, "", "", {}});
    probe.settle();
    EXPECT_FALSE(is_done);
    probe.database.waiting[0](store::QueryAnswer{json::array{json::object{{"x", 7}}}, 0, 0});
    probe.run_until([&] { return is_done; });
    EXPECT_EQ(output.text, R"([{"a":7,"b":201,"c":"c"},true])");
}

TEST(Parallel, KeepsResultsAndProblemsApart) {
    WideProbe probe(
        "local r, problems = parallel { good = function() return 1 end, bad = function() return http.get('http://evil.example/') end, "
        "none = function() end } return { r, problems.bad.kind, problems.good == nil, problems.none == nil }");
    EXPECT_EQ(probe.run().text, R"([{"good":1},"not_allowed",true,true])");
    WideProbe list("return (parallel { function() return 'x' end, function() return 'y' end })");
    EXPECT_EQ(list.run().text, R"(["x","y"])");
    WideProbe empty("return (parallel {})");
    EXPECT_EQ(empty.run().text, "{}");
}

TEST(Parallel, RaisesABranchsErrorWhenAllAreOver) {
    WideProbe probe(
        "local ok, message = pcall(parallel, { a = function() error('broken') end, b = function() sleep(0.01) kv.set('b', 1) end }) "
        "return { ok, message, kv.get('b') }");
    EXPECT_EQ(probe.run().text, R"([false,"tools/probe.lua:2: broken",1])");
}

TEST(Parallel, MayBeNestedWithinItsLimit) {
    WideProbe nested(
        "return (parallel { function() sleep(0) return parallel { function() sleep(0) return 1 end, function() return 2 end } end })");
    EXPECT_EQ(nested.run().text, "[[1,2]]");
    WideProbe many(
        "local branches = {} for i = 1, 17 do branches[i] = function() sleep(1) end end parallel(branches)");
    EXPECT_THAT(log_of_run(many),
                HasSubstr("tools/probe.lua:2: parallel: more than 16 branches at a time"));
    // What did not fit was not begun, and does not join a later parallel().
    WideProbe refused(
        "local branches = {} for i = 1, 17 do branches[i] = function() kv.set('begun', i) end end "
        "local ok = pcall(parallel, branches) parallel { function() sleep(0) end } return { ok, kv.get('begun') or 'none' }");
    EXPECT_EQ(refused.run().text, R"([false,"none"])");
    WideProbe bomb("local function f() parallel { f, f } end f()");
    EXPECT_THAT(log_of_run(bomb), HasSubstr("parallel: more than"));
}

TEST(Parallel, SharesTheBudgetsOfItsRun) {
    WideProbe cpu(
        "parallel { function() while true do end end, function() while true do end end }");
    EXPECT_THAT(log_of_run(cpu),
                HasSubstr("tools/probe.lua:2: used more than 50 ms of computing time"));
    WideProbe memory(
        "local t = {} parallel { function() while true do t[#t + 1] = {} end end, function() sleep(1) end }");
    memory.parts.limits.cpu_max = std::chrono::seconds(5);
    EXPECT_THAT(log_of_run(memory), HasSubstr("used more than 8388608 bytes of memory"));
}

TEST(Parallel, SaysWhatItTakes) {
    const std::vector<std::pair<const char*, const char*>> mistakes{
        {"parallel()", "parallel: expected a table of functions, found nil"},
        {"parallel { a = 1 }", "parallel: `a` is a number; expected a function"},
        {"string.format('%s', setmetatable({}, { __tostring = function() parallel {} end }))",
         "parallel cannot be used inside a function that cannot wait, such as __tostring"},
    };
    for (const auto& [call, message] : mistakes) {
        WideProbe probe(fmt::format("local out = {} return out", call));
        EXPECT_THAT(log_of_run(probe), HasSubstr(message)) << call;
    }
}

TEST(Parallel, LeavesNothingBehind) {
    WideProbe probe("parallel { function() sleep(0) end, function() kv.get('a') end } return 1");
    for (int i = 0; i < 20; ++i) EXPECT_EQ(probe.run().text, "1");
}

TEST(Parallel, CannotBeUsedWhileAFileIsLoaded) {
    EXPECT_THAT(
        faults_of(
            {{"tools/a.lua",
              "parallel { function() end } return tool { api = 1, about = 'x', run = function() end }"},
             {"tools/b.lua", "sleep(1) return tool { api = 1, about = 'x', run = function() end }"},
             {"tools/c.lua", "local x = http.get('https://api.example') return x"}}),
        testing::UnorderedElementsAre(HasSubstr("tools/a.lua:1: parallel cannot be used here"),
                                      HasSubstr("tools/b.lua:1: sleep cannot be used here"),
                                      HasSubstr("tools/c.lua:1: http.get cannot be used here")));
}

}  // namespace
}  // namespace parley::script
