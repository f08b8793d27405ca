#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Failure = call::ToolFinished::Failure;

TEST(Tool, GivesItsResultAsJson) {
    EXPECT_EQ(
        result_of("return { b = 1, a = { 'x', 2.5, true }, n = nil, l = json.list {}, o = {} }")
            .text,
        R"({"a":["x",2.5E0,true],"b":1,"l":[],"o":{}})");
    EXPECT_EQ(result_of("return 'done'").text, R"("done")");
    EXPECT_EQ(result_of("").text, R"({"done":true})");
    EXPECT_EQ(result_of("return 9007199254740992").text, "9007199254740992");
    EXPECT_TRUE(result_of("return {}").ok);
}

TEST(Tool, TellsTheModelWhatIsWrongWithItsArguments) {
    Probe probe("return args", "", R"(params = {
        date = param.date { "The day the caller wants", required = true },
        at = param.time { "When" }, count = param.integer { "How many", min = 1, max = 5 },
        kind = param.choice { "Which", "small", "large", default = "small" }, phone = param.phone { "Where" },
        sure = param.yes_no { "Sure" }, name = param.text { "Who", max = 5 },
        list = param.list { "Which", of = param.date {} }, place = param.object { "Where", fields = { street = param.text { "Street", required = true } } },
    },)");
    const auto message = [&](const std::string& arguments) {
        const auto output = probe.run(arguments);
        EXPECT_FALSE(output.ok) << arguments;
        EXPECT_EQ(output.at("error"), "bad_arguments");
        return output.at("message");
    };
    EXPECT_EQ(message(R"({"date":"next week"})"),
              "date: expected a date like 2026-12-01, found \"next week\"");
    EXPECT_EQ(message(R"({"date":"2026-02-30"})"), "date: there is no day 2026-02-30");
    EXPECT_EQ(message(R"({"date":5})"), "date: expected a date like 2026-12-01, found 5");
    EXPECT_EQ(message("{}"), "date: is required: The day the caller wants");
    EXPECT_EQ(message(R"({"date":null})"), "date: is required: The day the caller wants");
    EXPECT_EQ(message(""), "date: is required: The day the caller wants");
    EXPECT_EQ(
        message(R"({"dat":"2026-12-01"})"),
        "dat: there is no such argument; did you mean date?; date: is required: The day the caller wants");
    const std::string day = R"({"date":"2026-12-01",)";
    EXPECT_EQ(message(day + R"("at":"noonish"})"),
              "at: expected a time like 14:30 or 2:30 PM, found \"noonish\"");
    EXPECT_EQ(message(day + R"("count":2.5})"), "count: expected a whole number, found 2.5E0");
    EXPECT_EQ(message(day + R"("count":9})"), "count: expected at most 5, found 9");
    EXPECT_EQ(message(day + R"("count":"2"})"), "count: expected a whole number, found \"2\"");
    EXPECT_EQ(message(day + R"("kind":"huge"})"),
              "kind: expected one of small, large, found \"huge\"");
    EXPECT_EQ(message(day + R"("phone":"call me"})"),
              "phone: expected a phone number like +15551234567, found \"call me\"");
    EXPECT_EQ(message(day + R"("sure":"yes"})"), "sure: expected true or false, found \"yes\"");
    EXPECT_EQ(message(day + R"("name":"Abcdef"})"),
              "name: expected at most 5 characters, found \"Abcdef\"");
    EXPECT_EQ(message(day + R"("list":["2026-12-01","x"]})"),
              "list[2]: expected a date like 2026-12-01, found \"x\"");
    EXPECT_EQ(message(day + R"("place":{}})"), "place.street: is required: Street");
    for (const char* bad :
         {"[]", "nonsense", "{\"date\":", "\"x\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
        EXPECT_EQ(message(bad), "the arguments are not a JSON object such as {\"name\": \"value\"}")
            << bad;
    }
    EXPECT_EQ(message(std::string(100'000, ' ') + "{" + std::string(100'000, ' ')),
              "the arguments are not a JSON object such as {\"name\": \"value\"}");

    EXPECT_EQ(probe.run(day + R"("at":"2:30 PM","phone":"+1 (555) 123-4567","name":null})").text,
              R"({"at":"14:30","date":"2026-12-01","kind":"small","phone":"+1 (555) 123-4567"})");
}

TEST(Tool, RejectsOnesTheAgentDoesNotHave) {
    TestCall call(bundle_of({{"agents/tester.lua", agent_file()},
                             {"tools/probe.lua", tool_file("return 1")},
                             {"tools/other.lua", tool_file("return 1")}}));
    ASSERT_TRUE(call.prepare());
    for (const char* name : {"other", "nothing", "", "../probe"}) {
        const auto output = call.run_tool(name);
        EXPECT_FALSE(output.ok);
        EXPECT_EQ(output.at("error"), "unknown_tool");
        EXPECT_EQ(output.at("message"),
                  fmt::format("there is no tool \"{}\"; the tools are probe", name));
    }
}

TEST(Tool, GivesUpPolitely) {
    const auto output =
        result_of("return fail('The calendar did not answer.', { kind = 'busy', message = 'x' })");
    EXPECT_FALSE(output.ok);
    EXPECT_EQ(output.text, R"({"failed":"The calendar did not answer."})");
    EXPECT_EQ(result_of("fail('Forgot to return.')").text, R"({"failed":"Forgot to return."})");
}

TEST(Tool, HidesItsErrorFromTheModelAndLogsIt) {
    testing::internal::CaptureStderr();
    const auto output = result_of("local reply = nil\nreturn reply.json");
    const std::string logged = testing::internal::GetCapturedStderr();
    EXPECT_FALSE(output.ok);
    EXPECT_EQ(output.text, failed_text);
    EXPECT_THAT(
        logged,
        HasSubstr(
            "tools/probe.lua:3: `reply` is nil, so it has no fields; check where it gets its value"));
    EXPECT_THAT(logged, HasSubstr("call=CA1"));
    EXPECT_THAT(logged, HasSubstr("in function 'run'"));
}

TEST(Tool, RefusesResultsThatAreNotData) {
    for (const char* body :
         {"return { f = print }", "return 0/0", "return { 1, 2, x = 3 }", "return { [1.5] = 1 }",
          "local t = {} t.t = t return t", "return { big = ('x'):rep(70000) }",
          "local t = {} for i = 1, 30000 do t[i] = i end return t"}) {
        const auto output = result_of(body);
        EXPECT_EQ(output.text, failed_text) << body;
    }
    EXPECT_EQ(result_of("return 'a\\255b'").text,
              "\"a\xEF\xBF\xBD"
              "b\"");
}

TEST(Tool, StopsAtItsDeadline) {
    Probe probe("db.query('select 1') return 1", "", "timeout = 0.02,");
    EXPECT_EQ(probe.run().text, failed_text);
    ASSERT_EQ(probe.database.waiting.size(), 1u);
    probe.database.waiting[0](store::QueryAnswer{});  // too late: dropped
    probe.settle();
    EXPECT_EQ(Probe("return 1").run().text, "1");
}

TEST(Tool, RunsWhileOthersWait) {
    Probe probe("if args.slow then db.query('select 1') end return { slow = args.slow }", "",
                "params = { slow = param.yes_no { 'x' } },");
    ASSERT_TRUE(probe.prepare());
    Output slow;
    bool is_slow_done = false;
    probe.start_tool("probe", R"({"slow":true})", slow, is_slow_done);
    EXPECT_EQ(probe.run_tool("probe", R"({"slow":false})").text, R"({"slow":false})");
    EXPECT_FALSE(is_slow_done);
    probe.database.waiting.at(0)(store::QueryAnswer{});
    probe.run_until([&] { return is_slow_done; });
    EXPECT_EQ(slow.text, R"({"slow":true})");
}

TEST(Tool, LimitsHowManyRunAtOnce) {
    Probe probe("db.query('select 1') return 1");
    ASSERT_TRUE(probe.prepare());
    std::vector<Output> outputs(17);
    std::deque<bool> done(17, false);
    for (std::size_t i = 0; i < 17; ++i) probe.start_tool("probe", "{}", outputs[i], done[i]);
    probe.run_until([&] { return done[16]; });
    EXPECT_EQ(outputs[16].text, failed_text);
    EXPECT_EQ(std::count(done.begin(), done.end(), true), 1);
}

TEST(Tool, SendsItsEventsBeforeItsResult) {
    Probe probe(
        "call.set_outcome('appointment_booked') call:inject('A fact.') call:hang_up() return 1");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_THAT(probe.events.lines,
                ElementsAre("outcome appointment_booked", "inject A fact.", "hang_up"));
    EXPECT_EQ(result_of("call.set_outcome('Not A Word')").text, failed_text);
}

TEST(Tool, KeepsVarsFromRunToRunAndThroughAKill) {
    Probe probe(
        "if args.loop then call.vars.n = 99 while true do end end call.vars.n = call.vars.n + 1 return call.vars.n",
        "vars = { n = 0 }", "params = { loop = param.yes_no { 'x' } },");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_EQ(probe.run().text, "2");
    EXPECT_EQ(probe.run(R"({"loop":true})").text, failed_text);
    EXPECT_EQ(probe.run().text, "3") << "as after the last run that finished";
    EXPECT_EQ(result_of("call.vars.f = print").text, failed_text);
}

TEST(Tool, SeesTheCallAndNothingMore) {
    EXPECT_EQ(result_of("return { call.from, call.to, call.sid }").text,
              R"(["+15550001111","+15550002222","CA1"])");
    for (const char* body : {"return call.form", "call.from = 'x'", "call.vars = {}", "call.x = 1"})
        EXPECT_EQ(result_of(body).text, failed_text) << body;
}

// ---- options ----------------------------------------------------------------------------------

TEST(ToolOptions, ReachTheRulesOfTheCall) {
    Probe probe(
        "return 1", "",
        R"(timeout = 3, say_if_slow = { "Let me look.", after_ms = 900 }, confirm = "Shall I look?",
        idempotent = true, runs_after_hangup = true,)");
    const auto profile = probe.prepare();
    ASSERT_TRUE(profile);
    const auto& options = profile->rules.tools.at("probe");
    EXPECT_EQ(options.timeout, milliseconds(3'000));
    EXPECT_EQ(options.slow_phrase, "Let me look.");
    EXPECT_EQ(options.slow_after, milliseconds(900));
    EXPECT_EQ(options.confirm, "Shall I look?");
    EXPECT_TRUE(options.is_idempotent);
    EXPECT_TRUE(options.runs_after_hang_up);
    EXPECT_THAT(Probe("return 1").prepare()->rules.tools, IsEmpty());
}

TEST(ToolOptions, OnlyCheckWhatNeedsTheCallersWord) {
    Probe probe("call.set_outcome('ran') return 1", "",
                "confirm = true, params = { n = param.integer { 'x' } },");
    ASSERT_TRUE(probe.prepare());
    const auto check = [&](const char* arguments) {
        std::optional<call::ToolFinished> finished;
        probe.agent->run_tool({"t1", "probe", arguments, call::RunTool::Purpose::check},
                              [&](call::ToolFinished given) { finished = std::move(given); });
        probe.run_until([&] { return finished.has_value(); });
        return *finished;
    };
    EXPECT_TRUE(check(R"({"n":1})").ok);
    EXPECT_EQ(check(R"({"n":"one"})").failure, Failure::refused);
    EXPECT_THAT(probe.events.lines, IsEmpty());
}

TEST(ToolOptions, TellWhyARunFailed) {
    EXPECT_EQ(result_of("error('x')").failure, Failure::error);
    EXPECT_EQ(result_of("while true do end").failure, Failure::broken);
    EXPECT_EQ(result_of("local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end").failure,
              Failure::broken);
    EXPECT_EQ(result_of("return fail('No.')").failure, Failure::gave_up);
    EXPECT_EQ(Probe("sleep(9)", "", "timeout = 0.02,").run().failure, Failure::timeout);
    EXPECT_EQ(Probe("return 1", "", "params = { n = param.integer { 'x' } },")
                  .run(R"({"n":"x"})")
                  .failure,
              Failure::refused);
    EXPECT_EQ(result_of("return 1").failure, Failure::none);
}

TEST(ToolOptions, GiveARunAKeyOfItsOwnThatARepeatedRunKeeps) {
    Probe probe("return call.idempotency_key");
    EXPECT_EQ(probe.run().text, R"("CA1:tool_1")");
    std::optional<call::ToolFinished> again;
    probe.agent->run_tool({"tool_1", "probe", "{}", call::RunTool::Purpose::run, 2},
                          [&](call::ToolFinished given) { again = std::move(given); });
    probe.run_until([&] { return again.has_value(); });
    EXPECT_EQ(again->output, R"("CA1:tool_1")");
    testing::internal::CaptureStderr();
    Probe outside(
        "return 1",
        "on_start = function(call) call.vars.k = call.idempotency_key end, vars = { k = '' }");
    outside.prepare();
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                HasSubstr("call.idempotency_key exists only while a tool runs"));
}

// ---- when -------------------------------------------------------------------------------------

std::string tool_when(const std::string& condition, const std::string& body = "return 1") {
    return tool_file(body, "when = function(call) " + condition + " end,");
}

struct Gated : TestCall {
    explicit Gated(const std::string& condition)
        : TestCall(bundle_of(
              {{"agents/tester.lua", agent_file("vars = { verified = false }", "'verify', 'book'")},
               {"tools/verify.lua",
                tool_file("call.vars.verified = not call.vars.verified return 1")},
               {"tools/book.lua", tool_when(condition)}})) {
        parts.services.database = &database;
    }
};

TEST(When, HidesAToolUntilItIsOffered) {
    Gated call("return call.vars.verified");
    const auto profile = call.prepare();
    ASSERT_EQ(profile->tools.size(), 1u);
    EXPECT_EQ(profile->tools[0].at("name"), "verify");
    const auto refused = call.run_tool("book");
    EXPECT_EQ(refused.at("message"),
              "the tool \"book\" cannot be used at this point of the call; the tools are verify");

    Output output;
    bool is_done = false;
    std::vector<std::string> at_result;
    call.agent->run_tool({"t1", "verify", "{}"}, [&](call::ToolFinished) {
        is_done = true;
        at_result = call.events.lines;
    });
    call.run_until([&] { return is_done; });
    EXPECT_THAT(at_result, ElementsAre("offer verify book")) << "the model knows before it answers";
    EXPECT_EQ(call.run_tool("book").text, "1");
    call.run_tool("verify");
    EXPECT_EQ(call.events.lines.back(), "offer verify");
}

TEST(When, SaysNothingWhenNothingChanges) {
    Gated call("return true");
    EXPECT_EQ(call.prepare()->tools.size(), 2u);
    call.run_tool("verify");
    EXPECT_THAT(call.events.lines, IsEmpty());
}

TEST(When, HidesAToolWhoseConditionFails) {
    for (const char* condition :
         {"error('no')", "local x = nil return x.y", "return db.query('select 1')"}) {
        testing::internal::CaptureStderr();
        Gated call(condition);
        EXPECT_EQ(call.prepare()->tools.size(), 1u) << condition;
        EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("tools/book.lua when"))
            << condition;
    }
    Gated endless("while true do end");
    EXPECT_EQ(endless.prepare()->tools.size(), 1u);
}

}  // namespace
}  // namespace parley::script
