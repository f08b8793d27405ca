// Saving, breaking and taking back scripts and settings while calls come in.
#include "desk.hpp"

#include <parley/core/crypto.hpp>

#include <csignal>
#include <cstdlib>

namespace parley::integration {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ABrokenSave, IsNoticedByNobodyButWhoeverAsks) {
    Desk desk;
    desk.save_script("agents/front.lua",
                     "return agent {\n  api = 1,\n  prompt = \"Hello {nobody}\",\n}\n");
    ASSERT_TRUE(eventually([&] { return !desk.status()["last_failure"].is_null(); }));

    const auto call = desk.dial();
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(desk.stage().ended(call->sid()).outcome, "caller_hung_up");
    EXPECT_THAT(desk.instructions(0), HasSubstr("prompt=one settings=one"));

    const auto shown = desk.service().command({"--overlay", desk.stage().overlay(), "status"});
    EXPECT_EQ(shown.status, 0) << shown.output;
    EXPECT_THAT(shown.output, AllOf(HasSubstr("generation 1 serves on"),
                                    HasSubstr("agents/front.lua:3: error: unknown var {nobody}"),
                                    HasSubstr("     3 |   prompt = \"Hello {nobody}\",")));
    EXPECT_TRUE(eventually([&] { return desk.service().has_logged("script.reload_refused"); }));
    EXPECT_TRUE(eventually(
        [&] { return desk.service().has_logged("agents/front.lua:3: unknown var {nobody}"); }));
    const auto figures = desk.api("GET", "/metrics", desk.stage().admin_token()).body;
    EXPECT_THAT(figures, AllOf(HasSubstr("\nparley_reload_failed 1\n"),
                               HasSubstr("\nparley_reload_failures_total 1\n"),
                               HasSubstr("\nparley_script_generation 1\n")));

    desk.save_script("agents/front.lua", agent_file("two"));
    ASSERT_TRUE(desk.reaches(2));
    EXPECT_THAT(desk.api("GET", "/metrics", desk.stage().admin_token()).body,
                HasSubstr("\nparley_reload_failed 0\n"));
}

TEST(ASave, IsInTheNextCallAndNotInTheOneThatRuns) {
    Desk desk(
        fast +
        "greeting: from_instructions\nturns:\n  - {heard: \"Tell me.\", calls: [tell], then: [{says: \"Done.\"}]}\n");
    // Has begun before the save, and calls its tool after it.
    const auto running = desk.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 200}}, {silence_ms: 2500}, {say: \"Tell me.\"}, {wait_for_agent: {silent_for_ms: 200}}, "
        "hang_up]");
    ASSERT_TRUE(eventually([&] { return desk.stage().has_happened("hears the agent"); }));
    desk.save_all("two");
    ASSERT_TRUE(eventually([&] { return desk.generation() >= 2; }));
    const auto next = desk.dial();
    EXPECT_EQ(next->report().failure, "");
    EXPECT_EQ(running->report().failure, "");

    EXPECT_THAT(desk.instructions(0), HasSubstr("prompt=one settings=one"));
    EXPECT_THAT(desk.instructions(1), HasSubstr("prompt=two settings=two"));
    const auto outputs = tool_outputs(desk.stage().model().sessions());
    ASSERT_EQ(outputs.size(), 1U);
    const auto output = json::parse(outputs[0]).as_object();
    EXPECT_EQ(text(output, "tool"), "one");
    EXPECT_EQ(text(output, "lib"), "one");
    EXPECT_EQ(text(output, "settings"), "one");
}

TEST(WithDev, ACallInProgressGoesOnWithWhatWasSaved) {
    Desk desk(
        fast +
            "greeting: from_instructions\nturns:\n  - {heard: \"Tell me.\", calls: [tell], then: [{says: \"Done.\"}]}\n",
        "auto", {"--dev"});
    const auto call = desk.dial(
        "steps: [{wait_for_agent: {silent_for_ms: 200}}, {silence_ms: 7000}, {say: \"Tell me.\"}, {wait_for_agent: {silent_for_ms: 200}}, "
        "hang_up]");
    ASSERT_TRUE(eventually([&] { return desk.stage().has_happened("hears the agent"); }));
    desk.save_all("two");
    ASSERT_TRUE(eventually(
        [&] { return desk.service().has_logged("script.adopted call=" + call->sid()); }));
    const auto status = desk.status();
    for (const auto& each : status.at("generations").as_array()) {
        EXPECT_EQ(number(each.as_object(), "calls"),
                  each.as_object().at("serving").as_bool() ? 1 : 0);
    }
    EXPECT_EQ(call->report().failure, "");
    const auto sessions = desk.stage().model().sessions();
    ASSERT_EQ(sessions.size(), 1U) << "the model's connection is the same";
    EXPECT_THAT(violations(sessions[0]), IsEmpty());
    const auto updates = sessions[0].of_type("session.update");
    ASSERT_GE(updates.size(), 2U);
    EXPECT_THAT(text(*json_read::object(updates.back()->event, "session"), "instructions"),
                HasSubstr("prompt=two settings=two"));
    const auto outputs = tool_outputs(sessions);
    ASSERT_EQ(outputs.size(), 1U);
    EXPECT_THAT(outputs[0], AllOf(HasSubstr(R"("tool":"two")"), HasSubstr(R"("lib":"two")"),
                                  HasSubstr(R"("settings":"two")")));
}

TEST(ANewNumber, IsRoutedWithoutARestart) {
    Desk desk;
    desk.at_once([&] {
        desk.write("agents/second.lua", agent_file("second"));
        Desk::save(desk.stage().overlay(),
                   desk.settings("one") + "  +15550100002: second\nopenai: {voice: cedar}\n");
    });
    // Neither half of it alone: the agent is not in the settings yet.
    ASSERT_TRUE(eventually([&] { return !desk.status()["last_failure"].is_null(); }));
    EXPECT_EQ(desk.generation(), 1);
    Desk::save(
        desk.stage().overlay(),
        "scripts: {dir: \"" + desk.path("") +
            "\"}\nagents:\n  front: {script: front}\n  second: {script: second}\nnumbers:\n  default: front\n  +15550100002: second\n");
    ASSERT_TRUE(desk.reaches(2));
    const auto call = desk.dial();
    EXPECT_EQ(call->report().failure, "");
    EXPECT_EQ(desk.stage().ended(call->sid()).agent, "second");
}

TEST(FiftyFilesAtOnce, AreOneGeneration) {
    Desk desk;
    const auto with_each = [&](const auto& work) {
        desk.at_once([&] {
            for (int i = 0; i < 50; ++i) work(fmt::format("tools/extra_{}.lua", i));
        });
    };
    with_each([&](const std::string& name) { desk.write(name, tool_file("one")); });
    ASSERT_TRUE(desk.reaches(2)) << "as a checkout that adds them";
    with_each([&](const std::string& name) { desk.save_script(name, tool_file("two")); });
    ASSERT_TRUE(desk.reaches(3));
    with_each([&](const std::string& name) { fs::remove(desk.path(name)); });
    ASSERT_TRUE(desk.reaches(4));
    const auto status = desk.status();
    EXPECT_EQ(number(status, "reloads"), 3);
    EXPECT_EQ(number(status, "failures"), 0);
}

TEST(Rollback, GivesNewCallsWhatServedBefore) {
    Desk desk;
    const auto nothing = desk.service().command({"--overlay", desk.stage().overlay(), "rollback"});
    EXPECT_EQ(nothing.status, 1);
    EXPECT_THAT(nothing.output, HasSubstr("There is no generation before 1."));

    desk.save_all("two");
    ASSERT_TRUE(eventually([&] { return desk.generation() >= 2; }));
    const auto rolled = desk.service().command({"--overlay", desk.stage().overlay(), "rollback"});
    EXPECT_EQ(rolled.status, 0) << rolled.output;
    EXPECT_THAT(rolled.output, HasSubstr("serves new calls again"));
    EXPECT_EQ(desk.dial()->report().failure, "");
    EXPECT_THAT(desk.instructions(0), HasSubstr("prompt=one settings=one"));

    desk.save_all("three");
    ASSERT_TRUE(eventually([&] { return desk.generation() >= 3; }));
    EXPECT_EQ(desk.dial()->report().failure, "");
    EXPECT_THAT(desk.instructions(1), HasSubstr("prompt=three settings=three"));
}

TEST(Sighup, Reloads) {
    Desk desk(fast, "off");
    desk.save_all("two");
    desk.service().signal(SIGHUP);
    ASSERT_TRUE(desk.reaches(2));
    EXPECT_EQ(text(desk.status(), "cause"), "signal");
    EXPECT_EQ(text(desk.status(), "watching"), "off");
}

TEST(ParleyReload, WaitsForTheResultAndSaysWhatIsWrong) {
    Desk desk(fast, "off");
    const std::vector<std::string> command{"--overlay", desk.stage().overlay(), "reload"};
    EXPECT_THAT(desk.service().command(command).output,
                HasSubstr("The files are what serves already: generation 1."));
    desk.save_all("two");
    const auto good = desk.service().command(command);
    EXPECT_EQ(good.status, 0);
    EXPECT_THAT(good.output, HasSubstr("Generation 2 serves new calls"));

    desk.save_script("tools/tell.lua",
                     "return tool {\n  api = 1,\n  abuot = \"x\",\n  run = function() end,\n}\n");
    const auto bad = desk.service().command(command);
    EXPECT_EQ(bad.status, 1);
    EXPECT_THAT(
        bad.output,
        AllOf(
            HasSubstr(
                "tools/tell.lua:3: error: unknown key `abuot`; did you mean `about`?\n     3 |   abuot = \"x\","),
            HasSubstr("generation 2 serves on")));
    const auto diff = desk.service().command({"--overlay", desk.stage().overlay(), "diff"});
    EXPECT_EQ(diff.status, 1);
    EXPECT_THAT(diff.output, HasSubstr("A reload would be refused"));
}

TEST(ParleyReload, AppliesANewMigrationWhichASaveDoesNot) {
    Desk desk;
    desk.write("migrations/002_notes.sql", "CREATE TABLE notes (text TEXT);");
    ASSERT_TRUE(eventually([&] { return desk.service().has_logged("002_notes.sql: is new"); }));
    EXPECT_EQ(desk.stage().value("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"), "0");
    EXPECT_EQ(desk.generation(), 1);

    const auto reloaded = desk.service().command({"--overlay", desk.stage().overlay(), "reload"});
    EXPECT_EQ(reloaded.status, 0) << reloaded.output;
    EXPECT_THAT(reloaded.output, HasSubstr("Applied migrations/002_notes.sql"));
    EXPECT_EQ(desk.stage().value("SELECT count(*) FROM sqlite_schema WHERE name = 'notes'"), "1");
}

TEST(ParleyDiff, SaysWhatTheNextGenerationChanges) {
    Desk desk(fast, "off");
    desk.save_all("two");
    Desk::save(desk.stage().overlay(), desk.settings("two", "server: {calls_max: 7}\n"));
    const auto diff = desk.service().command({"--overlay", desk.stage().overlay(), "diff"});
    EXPECT_EQ(diff.status, 0) << diff.output;
    EXPECT_THAT(
        diff.output,
        AllOf(HasSubstr("    - prompt=one settings={mark}\n    + prompt=two settings={mark}\n"),
              HasSubstr("tool tell: its code changes"),
              HasSubstr("agents.front.vars.mark: one -> two"),
              HasSubstr("server.calls_max: 2000 -> 7   (needs a restart)"),
              Not(HasSubstr("server.port"))));
    EXPECT_EQ(desk.generation(), 1);
}

TEST(ASettingThatNeedsARestart, IsNamedAndTheRestIsTakenOver) {
    Desk desk;
    Desk::save(desk.stage().overlay(),
               desk.settings("two", "server: {calls_max: 7}\nlog: {level: debug}\n"));
    ASSERT_TRUE(desk.reaches(2));
    const auto status = desk.status();
    const auto& waiting = status.at("needs_restart").as_array();
    ASSERT_EQ(waiting.size(), 1U);
    EXPECT_EQ(text(waiting[0].as_object(), "setting"), "server.calls_max");
    EXPECT_EQ(text(waiting[0].as_object(), "wanted"), "7");
    EXPECT_TRUE(eventually([&] {
        return desk.service().has_logged(
            "config.needs_restart setting=server.calls_max running=2000 wanted=7");
    }));
    EXPECT_THAT(desk.service().command({"--overlay", desk.stage().overlay(), "status"}).output,
                HasSubstr("server.calls_max: 2000 runs, 7 is wanted"));
}

TEST(TheApi, IsForThoseWithTheTokenOnly) {
    Desk desk(fast, "off");
    const auto token = desk.stage().admin_token();
    ASSERT_EQ(token.size(), 64U);
    EXPECT_EQ(
        fs::status(fs::path(desk.stage().database()).parent_path() / "admin.token").permissions(),
        fs::perms::owner_read | fs::perms::owner_write);
    for (const auto& [method, path] :
         std::vector<std::pair<std::string, std::string>>{{"GET", "/api/status"},
                                                          {"GET", "/api/diff"},
                                                          {"POST", "/api/reload"},
                                                          {"POST", "/api/rollback"},
                                                          {"GET", "/metrics"},
                                                          {"GET", "/api/nothing"}}) {
        for (const auto& wrong : {std::string(), std::string("x"), token.substr(1), token + "0"}) {
            const auto refused = desk.api(method, path, wrong);
            // 429: too many wrong ones
            EXPECT_THAT(refused.status, testing::AnyOf(401, 429)) << method << " " << path;
            EXPECT_EQ(refused.content_type, "application/json");
            EXPECT_THAT(json::parse(refused.body).as_object().at("error").as_string(),
                        Not(IsEmpty()));
        }
    }
    EXPECT_EQ(desk.generation(), 1);
    EXPECT_EQ(desk.api("GET", "/api/status", token).status, 200);
    EXPECT_EQ(desk.api("POST", "/api/status", token).status, 405);
    EXPECT_EQ(desk.api("GET", "/api/reload", token).status, 405);
    EXPECT_EQ(desk.api("GET", "/api/nothing", token).status, 404);
    EXPECT_EQ(desk.api("POST", "/api/rollback", token).status, 409);
    EXPECT_EQ(text(desk.ask("POST", "/api/reload"), "result"), "unchanged");
    desk.save_script("tools/tell.lua", "oops");
    const auto bad = desk.api("POST", "/api/reload", token);
    EXPECT_EQ(bad.status, 422);
    EXPECT_EQ(json::parse(bad.body)
                  .as_object()
                  .at("findings")
                  .as_array()
                  .at(0)
                  .as_object()
                  .at("line")
                  .as_int64(),
              1);
    EXPECT_THAT(desk.service().log(), Not(HasSubstr(token)));
}

TEST(TheApi, TakesTheTokenOfTheSettings) {
    StageOptions options;
    options.environment["PARLEY_ADMIN_TOKEN"] = "a-token-of-our-own";
    Stage stage(fast, options);
    EXPECT_EQ(stage.admin_token(), "") << "no file is needed";
    EXPECT_EQ(stage.service().command({"status"}).status, 0);
    EXPECT_THAT(stage.service().log(), Not(HasSubstr("a-token-of-our-own")));
    stage.service().signal(SIGTERM);
    EXPECT_EQ(stage.service().exit_status(), 0);
    const auto gone = stage.service().command({"status"});
    EXPECT_EQ(gone.status, 1);
    EXPECT_THAT(gone.output, HasSubstr("no service runs"));
}

// Every second one broken. Each call must have all of its parts from one generation, and none may
// notice.
TEST(ManyReloadsUnderLoad, DropNoCallMixNoGenerationsAndKeepNoMemory) {
    const char* wanted = std::getenv("PARLEY_RELOADS");
    const int reloads = wanted == nullptr ? 60 : std::max(10, std::atoi(wanted));
    Desk desk(
        fast +
            "greeting: from_instructions\nturns:\n  - {heard: \"Tell me.\", calls: [tell], then: [{says: \"Done.\"}]}\n",
        "off");
    constexpr std::string_view steps =
        "steps: [{wait_for_agent: {silent_for_ms: 100}}, {say: \"Tell me.\"}, {wait_for_agent: {silent_for_ms: 100}}, hang_up]";
    constexpr std::size_t at_once = 8;

    std::vector<std::shared_ptr<sim::TwilioCall>> calls;
    const auto keep_busy = [&] {
        const auto ended = static_cast<std::size_t>(std::stoul(
            "0" + desk.stage().value("SELECT count(*) FROM calls WHERE ended_at_ms IS NOT NULL")));
        if (calls.size() < ended + at_once) calls.push_back(desk.dial(steps));
    };

    std::int64_t warm_kb = 0;
    std::int64_t good = 1;
    for (int i = 1; i <= reloads; ++i) {
        keep_busy();
        const bool is_broken = i % 2 == 1;
        desk.save_all(fmt::format("mark{}", i));
        if (is_broken) desk.save_script("tools/tell.lua", fmt::format("return tool {{ -- {}\n", i));
        const auto answer = desk.ask("POST", "/api/reload");
        ASSERT_EQ(text(answer, "result"), is_broken ? "refused" : "reloaded")
            << json::serialize(answer);
        if (!is_broken) ++good;
        ASSERT_EQ(number(answer, "generation"), good);
        if (i == reloads / 2) warm_kb = desk.service().resident_kb();
    }
    for (const auto& call : calls) {
        const auto report = call->report();
        EXPECT_EQ(report.failure, "");
        EXPECT_THAT(report.violations, IsEmpty());
        EXPECT_EQ(desk.stage().ended(call->sid()).outcome, "caller_hung_up");
    }
    EXPECT_EQ(desk.stage().value(
                  "SELECT count(*) FROM journal WHERE type IN ('problem', 'provider_lost')"),
              "0");

    std::set<std::string> marks;
    for (const auto& session : desk.stage().model().sessions()) {
        std::string told;
        for (const auto* update : session.of_type("session.update")) {
            if (const auto* fields = json_read::object(update->event, "session");
                fields != nullptr && told.empty())
                told = text(*fields, "instructions");
        }
        const auto begin = told.find("prompt=") + 7;
        const auto mark = told.substr(begin, told.find(' ', begin) - begin);
        marks.insert(mark);
        EXPECT_THAT(told, HasSubstr("settings=" + mark + "\n"));
        for (const auto& output : tool_outputs({session})) {
            const auto fields = json::parse(output).as_object();
            EXPECT_EQ(text(fields, "tool"), mark);
            EXPECT_EQ(text(fields, "lib"), mark);
            EXPECT_EQ(text(fields, "settings"), mark);
        }
    }
    EXPECT_GT(marks.size(), 1U) << "calls of several generations";
    EXPECT_EQ(desk.stage().model().sessions().size(), calls.size());

    // The calls' own memory comes and goes; what a reload leaves behind would grow with their
    // number.
    const auto grown_kb = desk.service().resident_kb() - warm_kb;
    fmt::print(
        "{} reloads, {} calls of {} generations; {} KB at half-time, {} KB more at the end\n",
        reloads, calls.size(), marks.size(), warm_kb, grown_kb);
#ifndef PARLEY_SANITIZED
    EXPECT_LT(grown_kb, 8'000);
#endif
    // A call that is over lets go of its generation when its agent has had its last word.
    const std::vector<std::int64_t> none(5, 0);
    std::vector<std::int64_t> held;  // calls of each generation
    EXPECT_TRUE(eventually([&] {
        const auto status = desk.status();
        held.clear();
        for (const auto& each : status.at("generations").as_array())
            held.push_back(number(each.as_object(), "calls"));
        return number(status, "calls") == 0 && held == none;
    })) << testing::PrintToString(held);
}

}  // namespace
}  // namespace parley::integration
