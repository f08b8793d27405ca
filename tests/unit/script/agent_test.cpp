#include "support.hpp"

namespace parley::script {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Agent, FillsPromptAndGreeting) {
    const auto bundle = bundle_of({{"agents/tester.lua", R"(return agent { api = 1, name = "Tess",
        prompt = "At {clinic}: {weekday}, {today}, {now}. {caller}. {beds} beds, {days}. {{clinic}} {\"a\": {}}",
        greeting = "Hello from {clinic}.", voice = "alto", language = "en", model = "m1",
        vars = { clinic = "Default", time_zone = "America/New_York", beds = 3, days = { "Mon", "Tue" } } })"}});
    config::AgentSettings settings;
    settings.name = "tester";
    settings.vars = {{"clinic", "Riverside"}};
    settings.voice = "marin";
    TestCall call(bundle, settings);
    const auto profile = call.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->instructions,
              "At Riverside: Friday, 2026-11-20, 10:00 AM. +15550001111. 3 beds, Mon, Tue. {clinic} {\"a\": {}}");
    EXPECT_EQ(profile->greeting, "Hello from Riverside.");
    EXPECT_EQ(profile->name, "Tess");
    EXPECT_EQ(profile->voice, "marin") << "the settings win";
    EXPECT_EQ(profile->model, "m1");
    EXPECT_EQ(profile->language, "en");
    EXPECT_THAT(profile->tools, IsEmpty());
}

TEST(Agent, TakesTheGreetingOfTheSettings) {
    config::AgentSettings settings;
    settings.name = "tester";
    settings.greeting = "Hi {caller}";
    TestCall call(bundle_of({{"agents/tester.lua", agent_file("greeting = 'x'", "")}}), settings);
    EXPECT_EQ(call.prepare()->greeting, "Hi +15550001111");
}

TEST(Agent, ServesAScriptUnderAnotherName) {
    config::AgentSettings settings;
    settings.name = "front_desk";
    settings.script = "tester";
    TestCall call(bundle_of({{"agents/tester.lua", agent_file("", "")}}), settings);
    EXPECT_TRUE(call.prepare());
}

TEST(Agent, FaultsForAMissingScriptAndZone) {
    const auto bundle = bundle_of({{"agents/tester.lua", agent_file("vars = { time_zone = 'UTC' }", "")}});
    config::AgentSettings settings;
    settings.name = "nobody";
    TestCall none(bundle, settings);
    EXPECT_THAT(none.prepare().error().text(), HasSubstr("there is no script agents/nobody.lua"));
    settings.name = "tester";
    settings.vars = {{"time_zone", "Nowhere/At_All"}};
    TestCall nowhere(bundle, settings);
    EXPECT_THAT(nowhere.prepare().error().text(), HasSubstr("there is no time zone \"Nowhere/At_All\""));
}

TEST(Agent, RunsOnStartWhichMayAskTheDatabase) {
    Probe probe("return { who = call.vars.patient }", R"(vars = { patient = "unknown" }, greeting = "Hello {patient}",
        on_start = function(call)
            local rows = db.query("select name from patients where phone = ?", call.from)
            call.vars.patient = rows[1].name
        end)");
    probe.database.answers.push_back(store::QueryAnswer{json::array{json::object{{"name", "Ada"}}}, 0, 0});
    const auto profile = probe.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->greeting, "Hello Ada");
    EXPECT_EQ(probe.database.statements.at(0).parameters, json::array{"+15550001111"});
    EXPECT_EQ(probe.run().at("who"), "Ada");
}

TEST(Agent, GoesOnWhenOnStartFails) {
    for (const char* body : {"error('no')", "while true do end", "local x = nil; x.y = 1", "call.vars = {}",
                             "local t = {} while true do t[#t+1] = #t .. 'xxxxxxxxxxxxxxxx' end"}) {
        Probe probe("return { ok = true }", fmt::format("on_start = function(call) {} end", body));
        EXPECT_TRUE(probe.prepare()) << body;
        EXPECT_EQ(probe.run().text, R"({"ok":true})") << body;
    }
}

TEST(Agent, GivesUpAnOnStartThatWaitsTooLong) {
    Probe probe("return { ok = true }", "on_start = function(call) db.query('select 1') end");
    probe.parts.limits.tool_timeout = milliseconds(20);
    EXPECT_TRUE(probe.prepare());
    EXPECT_EQ(probe.run().text, R"({"ok":true})");
}

// ---- tools ------------------------------------------------------------------------------------

TEST(Tool, GivesItsResultAsJson) {
    EXPECT_EQ(result_of("return { b = 1, a = { 'x', 2.5, true }, n = nil, l = json.list {}, o = {} }").text,
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
    EXPECT_EQ(message(R"({"date":"next week"})"), "date: expected a date like 2026-12-01, found \"next week\"");
    EXPECT_EQ(message(R"({"date":"2026-02-30"})"), "date: there is no day 2026-02-30");
    EXPECT_EQ(message(R"({"date":5})"), "date: expected a date like 2026-12-01, found 5");
    EXPECT_EQ(message("{}"), "date: is required: The day the caller wants");
    EXPECT_EQ(message(R"({"date":null})"), "date: is required: The day the caller wants");
    EXPECT_EQ(message(""), "date: is required: The day the caller wants");
    EXPECT_EQ(message(R"({"dat":"2026-12-01"})"),
              "dat: there is no such argument; did you mean date?; date: is required: The day the caller wants");
    const std::string day = R"({"date":"2026-12-01",)";
    EXPECT_EQ(message(day + R"("at":"noonish"})"), "at: expected a time like 14:30 or 2:30 PM, found \"noonish\"");
    EXPECT_EQ(message(day + R"("count":2.5})"), "count: expected a whole number, found 2.5E0");
    EXPECT_EQ(message(day + R"("count":9})"), "count: expected at most 5, found 9");
    EXPECT_EQ(message(day + R"("count":"2"})"), "count: expected a whole number, found \"2\"");
    EXPECT_EQ(message(day + R"("kind":"huge"})"), "kind: expected one of small, large, found \"huge\"");
    EXPECT_EQ(message(day + R"("phone":"call me"})"),
              "phone: expected a phone number like +15551234567, found \"call me\"");
    EXPECT_EQ(message(day + R"("sure":"yes"})"), "sure: expected true or false, found \"yes\"");
    EXPECT_EQ(message(day + R"("name":"Abcdef"})"), "name: expected at most 5 characters, found \"Abcdef\"");
    EXPECT_EQ(message(day + R"("list":["2026-12-01","x"]})"), "list[2]: expected a date like 2026-12-01, found \"x\"");
    EXPECT_EQ(message(day + R"("place":{}})"), "place.street: is required: Street");
    for (const char* bad : {"[]", "nonsense", "{\"date\":", "\"x\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}) {
        EXPECT_EQ(message(bad), "the arguments are not a JSON object such as {\"name\": \"value\"}") << bad;
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
        EXPECT_EQ(output.at("message"), fmt::format("there is no tool \"{}\"; the tools are probe", name));
    }
}

TEST(Tool, GivesUpPolitely) {
    const auto output = result_of("return fail('The calendar did not answer.', { kind = 'busy', message = 'x' })");
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
    EXPECT_THAT(logged,
                HasSubstr("tools/probe.lua:3: `reply` is nil, so it has no fields; check where it gets its value"));
    EXPECT_THAT(logged, HasSubstr("call=CA1"));
    EXPECT_THAT(logged, HasSubstr("in function 'run'"));
}

TEST(Tool, RefusesResultsThatAreNotData) {
    for (const char* body : {"return { f = print }", "return 0/0", "return { 1, 2, x = 3 }", "return { [1.5] = 1 }",
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
    Probe probe("call.set_outcome('appointment_booked') call:inject('A fact.') call:hang_up() return 1");
    EXPECT_EQ(probe.run().text, "1");
    EXPECT_THAT(probe.events.lines, ElementsAre("outcome appointment_booked", "inject A fact.", "hang_up"));
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
    EXPECT_EQ(result_of("return { call.from, call.to, call.sid }").text, R"(["+15550001111","+15550002222","CA1"])");
    for (const char* body : {"return call.form", "call.from = 'x'", "call.vars = {}", "call.x = 1"})
        EXPECT_EQ(result_of(body).text, failed_text) << body;
}

TEST(Agent, FiresNothingAfterDestruction) {
    Probe probe("db.query('select 1') call.hang_up() return 1");
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    probe.agent.reset();
    probe.database.waiting[0](store::QueryAnswer{});
    probe.settle();
    EXPECT_FALSE(is_done);
    EXPECT_THAT(probe.events.lines, IsEmpty());

    probe.agent = make_agent(probe.parts);
    probe.agent->prepare([&](auto) { is_done = true; });
    probe.agent.reset();
    probe.settle();
    EXPECT_FALSE(is_done);
}

TEST(Agent, MayBeDestroyedByItsOwnEventsAndResults) {
    struct Destroyer final : call::EventSink {
        void on(const call::Event&) override { agent->reset(); }
        std::unique_ptr<call::Agent>* agent = nullptr;
    } destroyer;
    Probe probe("call.hang_up() return 1");
    destroyer.agent = &probe.agent;
    probe.parts.events = &destroyer;
    ASSERT_TRUE(probe.prepare());
    bool is_done = false;
    probe.agent->run_tool({"t", "probe", "{}"}, [&](auto) { is_done = true; });
    probe.run_until([&] { return probe.agent == nullptr; });
    probe.settle();
    EXPECT_FALSE(is_done);

    Probe other("return 1");
    ASSERT_TRUE(other.prepare());
    other.agent->run_tool({"t", "probe", "{}"}, [&](auto) { other.agent.reset(); });
    other.run_until([&] { return other.agent == nullptr; });
}

TEST(Agent, RunsOnEndAtOnceAndSendsWhatItAsks) {
    Probe probe("return 1",
                "on_end = function(call, outcome, reason) db.exec('insert', call.sid, outcome, reason) error('never "
                "reached') end");
    ASSERT_TRUE(probe.prepare());
    probe.agent->ended("no_booking", "caller_hung_up");
    ASSERT_EQ(probe.database.statements.size(), 1u);
    EXPECT_EQ(probe.database.statements[0].parameters, (json::array{"CA1", "no_booking", "caller_hung_up"}));
    probe.agent->ended("no_booking", "again");
    EXPECT_EQ(probe.database.statements.size(), 1u);
}

TEST(Agent, CutsShortAnOnEndThatLoops) {
    Probe probe("return 1", "on_end = function() while true do end end");
    ASSERT_TRUE(probe.prepare());
    const auto before = Clock::now();
    probe.agent->ended("x", "y");
    EXPECT_LT(Clock::now() - before, std::chrono::seconds(2));
}

}  // namespace
}  // namespace parley::script
