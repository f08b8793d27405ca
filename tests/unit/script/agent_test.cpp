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
    EXPECT_EQ(
        profile->instructions,
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

TEST(Agent, DoesNotGreetWhoHasBeenGreetedByTheCarrier) {
    TestCall call(bundle_of({{"agents/tester.lua", agent_file("greeting = 'Hello.'", "")}}));
    call.parts.info.greeted_with = "Thanks for calling.";
    const auto profile = call.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->greeting, "");
    EXPECT_THAT(profile->instructions, HasSubstr("\"Thanks for calling.\" Do not greet again"));
}

TEST(Agent, KnowsWhomItHasCalledAndWhatToLeaveOnAMachine) {
    const auto bundle = bundle_of({{"agents/tester.lua", R"(return agent { api = 1,
        prompt = "With {caller}.", greeting = "Hello {name}.", voicemail = "Hello {name}, call us back.",
        vars = { name = "friend" } })"}});
    config::AgentSettings settings;
    settings.vars = {{"name", "Ann"}};
    TestCall call(bundle, settings);
    call.parts.info.direction = "outbound";
    const auto profile = call.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->instructions, "With +15550002222.");
    EXPECT_EQ(profile->voicemail, "Hello Ann, call us back.");
    TestCall silent(bundle_of({{"agents/tester.lua", agent_file("voicemail = 'hang up'", "")}}));
    EXPECT_EQ(silent.prepare()->voicemail, "");
}

TEST(Agent, ServesAScriptUnderAnotherName) {
    config::AgentSettings settings;
    settings.name = "front_desk";
    settings.script = "tester";
    TestCall call(bundle_of({{"agents/tester.lua", agent_file("", "")}}), settings);
    EXPECT_TRUE(call.prepare());
}

TEST(Agent, FaultsForAMissingScriptAndZone) {
    const auto bundle =
        bundle_of({{"agents/tester.lua", agent_file("vars = { time_zone = 'UTC' }", "")}});
    config::AgentSettings settings;
    settings.name = "nobody";
    TestCall none(bundle, settings);
    EXPECT_THAT(none.prepare().error().text(), HasSubstr("there is no script agents/nobody.lua"));
    settings.name = "tester";
    settings.vars = {{"time_zone", "Nowhere/At_All"}};
    TestCall nowhere(bundle, settings);
    EXPECT_THAT(nowhere.prepare().error().text(),
                HasSubstr("there is no time zone \"Nowhere/At_All\""));
}

TEST(Agent, RunsOnStartWhichMayAskTheDatabase) {
    Probe probe("return { who = call.vars.patient }",
                R"(vars = { patient = "unknown" }, greeting = "Hello {patient}",
        on_start = function(call)
            local rows = db.query("select name from patients where phone = ?", call.from)
            call.vars.patient = rows[1].name
        end)");
    probe.database.answers.push_back(
        store::QueryAnswer{json::array{json::object{{"name", "Ada"}}}, 0, 0});
    const auto profile = probe.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->greeting, "Hello Ada");
    EXPECT_EQ(probe.database.statements.at(0).parameters, json::array{"+15550001111"});
    EXPECT_EQ(probe.run().at("who"), "Ada");
}

TEST(Agent, GoesOnWhenOnStartFails) {
    for (const char* body :
         {"error('no')", "while true do end", "local x = nil; x.y = 1", "call.vars = {}",
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

TEST(Agent, WaitsForWhatOnEndAsksOfTheDatabase) {
    Probe probe("return 1", R"(on_end = function(call, outcome, summary)
            local done, problem = db.exec('insert', call.sid, outcome, summary.reason)
            return { saved = done.changes, turns = summary.turns, cost = summary.cost_usd, seconds = summary.duration_s }
        end)");
    ASSERT_TRUE(probe.prepare());
    std::optional<json::object> fields;
    call::Finish ending{"no_booking",
                        "caller_hung_up",
                        {.duration = milliseconds(12'340), .turns = 4, .cost_usd = 0.5}};
    probe.agent->ended(ending, [&](json::object given) { fields = std::move(given); });
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    EXPECT_EQ(probe.database.statements.at(0).parameters,
              (json::array{"CA1", "no_booking", "caller_hung_up"}));
    probe.settle();
    EXPECT_FALSE(fields);
    probe.database.waiting[0](store::QueryAnswer{{}, 1, 0});
    probe.run_until([&] { return fields.has_value(); });
    EXPECT_EQ(fields->at("saved"), 1);
    EXPECT_EQ(fields->at("turns"), 4);
    EXPECT_EQ(fields->at("cost"), 0.5);
    EXPECT_EQ(fields->at("seconds"), 12.3);
    probe.agent->ended(ending, [&](json::object) { ADD_FAILURE() << "a second end"; });
    probe.settle();
}

TEST(Agent, DoesNotWaitForAnOnEndForEver) {
    Probe probe("return 1", "on_end = function() db.exec('insert') end");
    probe.parts.budgets.on_end_max = milliseconds(20);
    ASSERT_TRUE(probe.prepare());
    EXPECT_THAT(probe.end(), IsEmpty());
    probe.database.waiting.at(0)(store::QueryAnswer{});
    probe.settle();
}

TEST(Agent, EndsAlthoughOnEndIsBroken) {
    for (const char* body : {"error('no')", "while true do end", "return 'not fields'",
                             "return { f = print }", "return nil"}) {
        Probe probe("return 1", fmt::format("on_end = function() {} end", body));
        ASSERT_TRUE(probe.prepare());
        EXPECT_THAT(probe.end(), IsEmpty()) << body;
    }
    Probe without("return 1");
    ASSERT_TRUE(without.prepare());
    EXPECT_THAT(without.end(), IsEmpty());
}

TEST(Agent, TakesNotesInOnEndAndGivesUpWhatStillRuns) {
    Probe probe("db.query('select 1') call:hang_up() return 1", R"(on_end = function(call)
            local said, problem = call:say("Are you there?")
            call:note("over", { why = problem.kind })
        end)");
    ASSERT_TRUE(probe.prepare());
    Output output;
    bool is_done = false;
    probe.start_tool("probe", "{}", output, is_done);
    probe.run_until([&] { return !probe.database.waiting.empty(); });
    probe.end();
    EXPECT_FALSE(is_done);
    EXPECT_THAT(probe.events.lines, ElementsAre("note over {\"why\":\"hung_up\"}"));
}

TEST(Agent, MakesItsPromptFromAFunction) {
    TestCall call(
        bundle_of({{"agents/tester.lua",
                    R"(return agent { api = 1, vars = { clinic = "A", patient = "nobody" },
        prompt = function(call) return "You help " .. call.vars.patient .. " at {clinic}." end,
        on_start = function(call) call.vars.patient = "Ada" end })"}}));
    const auto profile = call.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->instructions, "You help Ada at A.");
}

TEST(Agent, DoesNotAnswerWithoutItsPrompt) {
    for (const char* body : {"error('no')", "return 5", "while true do end", ""}) {
        TestCall call(bundle_of(
            {{"agents/tester.lua",
              fmt::format("return agent {{ api = 1, prompt = function(call) {} end }}", body)}}));
        const auto profile = call.prepare();
        ASSERT_TRUE(profile.has_error()) << body;
        EXPECT_THAT(profile.error().text(), HasSubstr("agents/tester.lua: prompt: ")) << body;
    }
}

TEST(Agent, TellsHowItTakesTurns) {
    const auto bundle =
        bundle_of({{"agents/tester.lua", R"(return agent { api = 1, prompt = "x", turn_taking = {
        type = "semantic_vad", eagerness = "low", threshold = 0.7, prefix_padding_ms = 100, silence_ms = 800,
        interruptions = false, silence_before_prompt_ms = 4000 } })"}});
    TestCall call(bundle);
    const auto profile = call.prepare();
    ASSERT_TRUE(profile);
    EXPECT_EQ(profile->turn_taking.type, "semantic_vad");
    EXPECT_EQ(profile->turn_taking.eagerness, "low");
    EXPECT_EQ(profile->turn_taking.threshold, 0.7);
    EXPECT_EQ(profile->turn_taking.prefix_padding_ms, 100);
    EXPECT_EQ(profile->turn_taking.silence_ms, 800);
    EXPECT_EQ(profile->rules.silence_before_prompt, milliseconds(4'000));
    EXPECT_EQ(profile->rules.interruptions, call::AgentPrepared::Interruptions::ignored);

    config::AgentSettings settings;
    settings.name = "tester";
    settings.turn_taking.silence_ms = 300;
    settings.turn_taking.interruptions = true;
    TestCall other(bundle, settings);
    const auto overridden = other.prepare();
    EXPECT_EQ(overridden->turn_taking.silence_ms, 300) << "the settings win";
    EXPECT_EQ(overridden->turn_taking.type, "semantic_vad");
    EXPECT_EQ(overridden->rules.interruptions, call::AgentPrepared::Interruptions::allowed);
}

}  // namespace
}  // namespace parley::script
