#include "support.hpp"

#include <parley/core/crypto.hpp>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Build, MakesAGenerationOfGoodFiles) {
    const Tree tree;
    const auto built = tree.build();

    ASSERT_NE(built.generation, nullptr);
    EXPECT_THAT(built.findings, IsEmpty());
    EXPECT_EQ(built.generation->version, built.version);
    EXPECT_EQ(built.version.size(), 12U);
    EXPECT_THAT(built.generation->bundle->agents(), ElementsAre("anna"));
    EXPECT_EQ(built.generation->settings.agent_for("+1")->name, "anna");
}

TEST(Build, FindsEveryFaultOfSettingsAndScriptsAtOnce) {
    const Tree tree;
    tree.write("config/parley.yaml",
               "openai:\n  vioce: marin\nagents:\n  anna:\nnumbers:\n  default: ana\n");
    tree.write("scripts/agents/anna.lua", agent_file("Hello {name}."));
    tree.write("scripts/tools/x.lua", "return tool {\n  api = 1,\n  about = \"x\"\n");
    const auto built = tree.build();

    EXPECT_EQ(built.generation, nullptr);
    EXPECT_THAT(
        tree.texts(built.findings),
        ElementsAre(
            "config/parley.yaml:2: openai.vioce: unknown setting; did you mean \"voice\"?",
            "config/parley.yaml:6: numbers.default: there is no agent named \"ana\"; did you mean \"anna\"?",
            "scripts/tools/x.lua:4: '}' expected (to close '{' at line 1) near '<eof>'",
            "scripts/agents/anna.lua:3: unknown var {name}; add it to `vars`, with a value for when nothing else is set"));
    EXPECT_EQ(built.findings[3].source_line, "  greeting = \"Hello {name}.\",");
}

TEST(Build, NamesTheSettingsOwnLineOfAWrongVar) {
    const Tree tree;
    tree.write(
        "scripts/agents/anna.lua",
        agent_file(
            "Hello.",
            "vars = { hours = { monday = \"9\" } },\n  check_vars = function(vars) return \"hours.monday: too early\" end,"));
    tree.write(
        "config/parley.yaml",
        "agents:\n  anna:\n    vars:\n      hours:\n        tuesday: x\n        monday: \"5\"\nnumbers:\n  default: anna\n");
    const auto built = tree.build();
    // The script objects to its own default first.
    EXPECT_THAT(tree.texts(built.findings),
                ElementsAre(HasSubstr("scripts/agents/anna.lua:5: vars.hours.monday: too early")));

    tree.write(
        "scripts/agents/anna.lua",
        agent_file("Hello.",
                   "vars = { hours = { monday = \"9\" } },\n  check_vars = function(vars) if "
                   "vars.hours.tuesday then return \"hours.monday: too early\" end end,"));
    EXPECT_THAT(tree.texts(tree.build().findings),
                ElementsAre("config/parley.yaml:6: agents.anna: vars.hours.monday: too early"));

    tree.write("config/parley.yaml",
               "agents:\n  anna:\n    vars:\n      our: 1\nnumbers:\n  default: anna\n");
    EXPECT_THAT(
        tree.texts(tree.build().findings),
        ElementsAre(
            "config/parley.yaml:4: agents.anna: vars.our: agents/anna.lua has no such var; did you mean \"hours\"?"));
}

TEST(Build, VersionIsOfTheContentOfEveryFile) {
    const Tree tree;
    const auto version = tree.build().version;
    fs::last_write_time(tree / "scripts/agents/anna.lua", fs::file_time_type::clock::now() + 1h);
    EXPECT_EQ(tree.build().version, version) << "a touch is no change";

    std::set<std::string> seen{version};
    const auto is_new = [&] { return seen.insert(tree.build().version).second; };
    tree.write("config/parley.yaml", plain_yaml + "# a remark\n");
    EXPECT_TRUE(is_new());
    tree.write(".env", "OPENAI_VOICE=cedar\n");
    EXPECT_TRUE(is_new());
    tree.write("scripts/lib/more.lua", "return {}");
    EXPECT_TRUE(is_new());
    tree.write("scripts/migrations/001_a.sql", "CREATE TABLE a (x);");
    EXPECT_TRUE(is_new());
    tree.write("scripts/agents/.anna.lua.swp", "junk");
    tree.write("scripts/agents/anna.lua~", "junk");
    EXPECT_FALSE(is_new());
}

TEST(Build, WarnsOfWhatTheSettingsWarnOf) {
    const Tree tree;
    tree.write("config/parley.yaml", plain_yaml + "openai:\n  model: gpt-4o-realtime-preview\n");
    const auto built = tree.build();
    ASSERT_NE(built.generation, nullptr);
    ASSERT_EQ(built.findings.size(), 1U);
    EXPECT_EQ(built.findings[0].severity, Severity::warning);
    EXPECT_EQ(built.findings[0].line, 7);
    EXPECT_EQ(built.findings[0].source_line, "  model: gpt-4o-realtime-preview");
}

TEST(Build, TriesMigrationsWithoutADatabase) {
    const Tree tree;
    tree.write("scripts/migrations/001_a.sql", "CREATE TABLE a (x);\nCREATE TABEL b (x);");
    EXPECT_THAT(tree.texts(tree.build().findings),
                ElementsAre("scripts/migrations/001_a.sql:2: near \"TABEL\": syntax error"));
}

TEST(Build, RefusesAMigrationThatWasChangedAfterItRan) {
    const Tree tree;
    tree.write("scripts/migrations/001_a.sql", "CREATE TABLE a (y);");
    const auto built = tree.build({.applied = store::AppliedMigrations{
                                       {"001_a.sql", crypto::sha256_hex("CREATE TABLE a (x);")}}});
    EXPECT_THAT(
        tree.texts(built.findings),
        ElementsAre(
            "scripts/migrations/001_a.sql: was changed after it had been applied; restore it, and write a new migration instead"));
}

TEST(Build, LetsANewMigrationWaitUntilAskedFor) {
    const Tree tree;
    const std::string sql = "CREATE TABLE a (x);";
    tree.write("scripts/migrations/001_a.sql", sql);
    tree.write("scripts/migrations/002_b.sql", "ALTER TABLE a ADD COLUMN y;");
    MigrationRule rule{.applied = store::AppliedMigrations{{"001_a.sql", crypto::sha256_hex(sql)}},
                       .fresh = MigrationRule::New::refused};
    const auto saved = tree.build(rule);
    EXPECT_EQ(saved.generation, nullptr);
    EXPECT_THAT(tree.texts(saved.findings),
                ElementsAre(HasSubstr("scripts/migrations/002_b.sql: is new")));
    EXPECT_THAT(saved.findings[0].remedy, HasSubstr("parley reload"));

    rule.fresh = MigrationRule::New::welcome;
    const auto asked = tree.build(rule);
    EXPECT_NE(asked.generation, nullptr);
    EXPECT_THAT(asked.new_migrations, ElementsAre("002_b.sql"));
}

TEST(Build, ListsSettingsThatWaitForARestart) {
    const Tree tree;
    const auto running = tree.generation();
    tree.write(
        "config/parley.yaml",
        plain_yaml +
            "server:\n  port: 4000\n  admin_token: 0123456789abcdef-new\nopenai:\n  voice: cedar\nlog:\n  level: debug\n");
    const auto built = reload::build(tree.recipe(), &running->settings, {});

    ASSERT_NE(built.generation, nullptr);
    const auto& waiting = built.generation->needs_restart;
    ASSERT_EQ(waiting.size(), 2U);
    EXPECT_EQ(waiting[0].setting, "server.port");
    EXPECT_EQ(waiting[0].running, "3000");
    EXPECT_EQ(waiting[0].wanted, "4000");
    EXPECT_THAT(waiting[0].source, HasSubstr("parley.yaml:7"));
    EXPECT_EQ(waiting[1].setting, "server.admin_token");
    EXPECT_EQ(waiting[1].wanted, "set (…-new)") << "masked";
}

// A setting that is in no list would silently do nothing on a reload.
TEST(Restart, KnowsOfEverySettingHowItIsTakenOver) {
    const Tree tree;
    const auto generation = tree.generation();
    for (const auto& line : generation->settings.explained)
        EXPECT_NE(taken_over(line.path), TakenOver::unknown) << line.path;
    EXPECT_EQ(taken_over("server.port"), TakenOver::by_restart);
    EXPECT_EQ(taken_over("scripts.dir"), TakenOver::by_restart);
    EXPECT_EQ(taken_over("scripts.cpu_max_ms"), TakenOver::by_reload);
    EXPECT_EQ(taken_over("numbers.default"), TakenOver::by_reload);
}

TEST(CallTicket, MovesItsCallToAnotherGeneration) {
    const Tree tree;
    const std::shared_ptr<const Generation> first = tree.generation();
    const std::shared_ptr<const Generation> second = tree.generation();
    {
        const CallTicket call(first);
        call.move_to(second);
        EXPECT_EQ(first->calls, 0);
        EXPECT_EQ(second->calls, 1);
        EXPECT_EQ(call.generation(), second);
    }
    EXPECT_EQ(second->calls, 0);
}

TEST(CallTicket, CountsTheCallsOfAGeneration) {
    const Tree tree;
    const std::shared_ptr<const Generation> generation = tree.generation();
    {
        const auto first = std::make_shared<CallTicket>(generation);
        const auto same = first;
        const CallTicket second(generation);
        EXPECT_EQ(generation->calls, 2);
    }
    EXPECT_EQ(generation->calls, 0);
}

}  // namespace
}  // namespace parley::reload
