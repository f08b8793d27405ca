// The reloader on real files: what is saved is served, what is broken is not.
#include "../../eventually.hpp"
#include "support.hpp"

#include <parley/core/crypto.hpp>
#include <parley/reload/reloader.hpp>

#include <condition_variable>
#include <future>

namespace parley::reload {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Reloading : public testing::Test {
 protected:
    void start(Watcher::Wanted watch = Watcher::Wanted::inotify, milliseconds quiet = 30ms) {
        generations_ =
            std::make_unique<Generations>(tree_.generation(), std::chrono::system_clock::now());
        Reloader::Hooks hooks;
        hooks.applied_migrations = [this] { return applied_; };
        hooks.migrate = [this](const store::MigrationTexts& texts) -> Checked<void> {
            if (!migration_fault_.what.empty()) return migration_fault_;
            for (const auto& [name, text] : texts) applied_[name] = crypto::sha256_hex(text);
            return {};
        };
        hooks.published = [this](const auto& generation) {
            const std::lock_guard lock(mutex_);
            published_.push_back(generation->number);
        };
        reloader_ = std::make_unique<Reloader>(
            Reloader::Options{.recipe = tree_.recipe(),
                              .watch = watch,
                              .debounce = {.quiet = quiet,
                                           .patience = std::max(milliseconds(2'000), 10 * quiet)}},
            *generations_, std::move(hooks));
        reloader_->start();
    }
    std::string greeting() const {
        const auto generation = generations_->current();
        return generation->files.scripts.at("agents/anna.lua");
    }
    bool serves(const std::string& words) const {
        return greeting().find(words) != std::string::npos;
    }
    std::uint64_t number() const { return generations_->current()->number; }
    std::uint64_t failures() const { return generations_->status().failures; }
    std::vector<std::uint64_t> published() {
        const std::lock_guard lock(mutex_);
        return published_;
    }
    // A generation serves before it is told of: all that was begun is over after this.
    void let_it_finish() { ask(Reloader::Ask::preview); }
    Outcome ask(Reloader::Ask what) {
        std::promise<Outcome> done;
        reloader_->ask(what, Cause::asked,
                       [&](Outcome outcome) { done.set_value(std::move(outcome)); });
        return done.get_future().get();
    }

    Tree tree_;
    store::AppliedMigrations applied_;  // the reloader's thread, or before start()
    Fault migration_fault_;
    std::mutex mutex_;
    std::vector<std::uint64_t> published_;
    std::unique_ptr<Generations> generations_;
    std::unique_ptr<Reloader> reloader_;
    // longer than a busy machine holds up whoever is writing
    static constexpr milliseconds quiet_while_written{3'000};
};

TEST_F(Reloading, KeepsWhatServesWhenASaveIsBrokenAndTellsWhere) {
    start();
    tree_.save("scripts/agents/anna.lua", agent_file("Hello {nobody}."));
    ASSERT_TRUE(eventually([&] { return failures() == 1; }));

    EXPECT_EQ(number(), 1U);
    EXPECT_TRUE(serves("Hello."));
    const auto failure = *generations_->status().failure;
    ASSERT_EQ(failure.findings.size(), 1U);
    EXPECT_EQ(failure.findings[0].line, 3);
    EXPECT_EQ(failure.findings[0].source_line, "  greeting = \"Hello {nobody}.\",");

    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));
    ASSERT_TRUE(eventually([&] { return serves("Good day."); }));
    EXPECT_FALSE(generations_->status().failure->is_current);
}

TEST_F(Reloading, TakesOverWhatAnEditorSavesByRenaming) {
    start();
    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));
    ASSERT_TRUE(eventually([&] { return serves("Good day."); }));
    EXPECT_EQ(number(), 2U);
}

TEST_F(Reloading, TakesOverWhatIsWrittenInPlace) {
    start();
    tree_.write("scripts/agents/anna.lua", agent_file("Good day."));
    EXPECT_TRUE(eventually([&] { return serves("Good day."); }));
}

TEST_F(Reloading, TakesOverSettings) {
    start();
    tree_.save("config/parley.yaml", plain_yaml + "openai: {voice: cedar}\n");
    EXPECT_TRUE(
        eventually([&] { return generations_->current()->settings.openai.voice == "cedar"; }));
}

TEST_F(Reloading, TakesOverAnEnvFileThatAppears) {
    start();
    tree_.save(".env", "OPENAI_VOICE=cedar\n");
    EXPECT_TRUE(
        eventually([&] { return generations_->current()->settings.openai.voice == "cedar"; }));
}

TEST_F(Reloading, SeesNewFoldersAndWhatIsDeleted) {
    start();
    tree_.write("scripts/lib/deep/er/words.lua", "return { hello = \"Hi.\" }");
    ASSERT_TRUE(eventually(
        [&] { return generations_->current()->files.scripts.contains("lib/deep/er/words.lua"); }));
    tree_.save("scripts/lib/deep/er/words.lua", "return { hello = \"Ho.\" }");
    ASSERT_TRUE(eventually([&] {
        return generations_->current()->files.scripts.at("lib/deep/er/words.lua").find("Ho.") !=
               std::string::npos;
    }));
    tree_.remove("scripts/lib");
    EXPECT_TRUE(eventually(
        [&] { return !generations_->current()->files.scripts.contains("lib/deep/er/words.lua"); }));
}

TEST_F(Reloading, SeesAFolderThatIsReplacedAsAWhole) {
    start();
    tree_.write("next/agents/anna.lua", agent_file("From the next release."));
    fs::rename(tree_ / "scripts", tree_ / "previous");
    fs::rename(tree_ / "next", tree_ / "scripts");
    ASSERT_TRUE(eventually([&] { return serves("next release"); }));
    tree_.save("scripts/agents/anna.lua", agent_file("And edited."));
    EXPECT_TRUE(eventually([&] { return serves("And edited."); }));
}

TEST_F(Reloading, MakesOneGenerationOfFiftyFiles) {
    for (int i = 0; i < 50; ++i)
        tree_.write(fmt::format("scripts/tools/tool_{}.lua", i), tool_file("return { 1 }"));
    start(Watcher::Wanted::inotify, quiet_while_written);
    for (int i = 0; i < 50; ++i)
        tree_.save(fmt::format("scripts/tools/tool_{}.lua", i), tool_file("return { 2 }"));
    ASSERT_TRUE(eventually([&] { return number() > 1; }));
    for (const auto& [path, text] : generations_->current()->files.scripts) {
        if (path.starts_with("tools/")) {
            EXPECT_THAT(text, HasSubstr("{ 2 }")) << path;
        }
    }
    let_it_finish();
    EXPECT_THAT(published(), ElementsAre(2));
    EXPECT_EQ(failures(), 0U);
}

TEST_F(Reloading, NeverSeesAHalfWrittenFile) {
    start(Watcher::Wanted::inotify, quiet_while_written);
    const auto text = agent_file("Good day, " + std::string(1'900, 'x'));
    std::ofstream out(tree_ / "scripts/agents/anna.lua", std::ios::binary | std::ios::trunc);
    for (std::size_t at = 0; at < text.size(); at += 100) out << text.substr(at, 100) << std::flush;
    out.close();
    ASSERT_TRUE(eventually([&] { return serves("Good day"); }));
    let_it_finish();
    EXPECT_EQ(failures(), 0U);
    EXPECT_THAT(published(), ElementsAre(2));
}

TEST_F(Reloading, DoesNothingForATouch) {
    start();
    fs::last_write_time(tree_ / "scripts/agents/anna.lua", fs::file_time_type::clock::now() + 1h);
    tree_.save("scripts/agents/anna.lua", agent_file());
    tree_.write("scripts/agents/anna.lua~", "junk");
    tree_.save("scripts/tools/marker.lua", tool_file());  // comes after it
    ASSERT_TRUE(eventually([&] { return number() > 1; }));
    let_it_finish();
    EXPECT_THAT(published(), ElementsAre(2));
}

TEST_F(Reloading, IsMendedWhenTheFilesAreAgainWhatServes) {
    start();
    tree_.save("scripts/agents/anna.lua", "return agent {");
    ASSERT_TRUE(eventually([&] { return failures() == 1; }));
    tree_.save("scripts/agents/anna.lua", agent_file());
    ASSERT_TRUE(eventually([&] { return !generations_->status().failure->is_current; }));
    EXPECT_EQ(number(), 1U);
}

TEST_F(Reloading, PollsWhereTheSystemDoesNotTell) {
    start(Watcher::Wanted::poll);
    EXPECT_EQ(reloader_->watching(), Watcher::Kind::poll);
    for (const char* words : {"Good day.", "Good evening."}) {
        tree_.save("scripts/agents/anna.lua", agent_file(words));
        EXPECT_TRUE(eventually([&] { return serves(words); }));
    }
}

TEST_F(Reloading, WaitsToBeAskedWhenItDoesNotWatch) {
    start(Watcher::Wanted::off);
    EXPECT_EQ(ask(Reloader::Ask::reload).kind, Outcome::Kind::unchanged);
    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));
    const auto outcome = ask(Reloader::Ask::reload);
    EXPECT_EQ(outcome.kind, Outcome::Kind::published);
    EXPECT_EQ(outcome.serving->number, 2U);
    EXPECT_TRUE(serves("Good day."));
}

TEST_F(Reloading, AnswersWithTheFaultsWhenAsked) {
    start(Watcher::Wanted::off);
    tree_.save("scripts/agents/anna.lua", "return agent {");
    const auto outcome = ask(Reloader::Ask::reload);
    EXPECT_EQ(outcome.kind, Outcome::Kind::refused);
    EXPECT_EQ(outcome.serving->number, 1U);
    ASSERT_EQ(outcome.findings.size(), 1U);
    EXPECT_EQ(outcome.findings[0].line, 1);
    EXPECT_EQ(to_json(outcome).at("result").as_string(), "refused");
}

TEST_F(Reloading, ARollbackIsNotUndoneByATouchButByTheNextSave) {
    start();
    EXPECT_EQ(ask(Reloader::Ask::roll_back).kind, Outcome::Kind::nothing_before);
    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));
    ASSERT_TRUE(eventually([&] { return number() == 2; }));
    const auto outcome = ask(Reloader::Ask::roll_back);
    EXPECT_EQ(outcome.kind, Outcome::Kind::rolled_back);
    EXPECT_TRUE(serves("Hello."));

    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));  // saved again as it was
    ask(Reloader::Ask::preview);
    EXPECT_EQ(number(), 1U);
    tree_.save("scripts/agents/anna.lua", agent_file("Good evening."));
    ASSERT_TRUE(eventually([&] { return serves("Good evening."); }));
    EXPECT_EQ(number(), 3U);
}

TEST_F(Reloading, APreviewPublishesNothing) {
    start(Watcher::Wanted::off);
    tree_.save("scripts/agents/anna.lua", agent_file("Good day."));
    const auto good = ask(Reloader::Ask::preview);
    ASSERT_NE(good.next, nullptr);
    tree_.save("scripts/agents/anna.lua", "oops");
    const auto bad = ask(Reloader::Ask::preview);
    EXPECT_EQ(bad.next, nullptr);
    EXPECT_EQ(bad.findings.size(), 1U);
    EXPECT_EQ(number(), 1U);
    EXPECT_EQ(failures(), 0U);
}

TEST_F(Reloading, AppliesANewMigrationOnlyWhenAsked) {
    start();
    tree_.save("scripts/migrations/001_a.sql", "CREATE TABLE a (x);");
    ASSERT_TRUE(eventually([&] { return failures() == 1; }));
    EXPECT_TRUE(applied_.empty());

    const auto outcome = ask(Reloader::Ask::reload);
    EXPECT_EQ(outcome.kind, Outcome::Kind::published);
    EXPECT_THAT(outcome.migrations, ElementsAre("001_a.sql"));
    EXPECT_EQ(applied_.size(), 1U);
}

TEST_F(Reloading, PublishesNothingWhenAMigrationFails) {
    migration_fault_ = {"scripts/migrations/001_a.sql:1", "UNIQUE constraint failed: a.x", ""};
    start(Watcher::Wanted::off);
    tree_.save("scripts/migrations/001_a.sql", "CREATE TABLE a (x);");
    const auto outcome = ask(Reloader::Ask::reload);
    EXPECT_EQ(outcome.kind, Outcome::Kind::refused);
    EXPECT_THAT(outcome.findings.at(0).message, HasSubstr("UNIQUE"));
    EXPECT_EQ(number(), 1U);
}

TEST_F(Reloading, AnswersEveryoneWhenItStops) {
    start(Watcher::Wanted::off);
    reloader_->stop();
    EXPECT_EQ(ask(Reloader::Ask::reload).kind, Outcome::Kind::stopping);
}

TEST_F(Reloading, KeepsCallsOnTheirGenerationThroughAHundredReloadsAndFreesTheOthers) {
    start(Watcher::Wanted::off);
    const CallTicket call(generations_->current());
    std::vector<std::weak_ptr<const Generation>> seen;
    for (int i = 0; i < 100; ++i) {
        tree_.save("scripts/agents/anna.lua",
                   i % 2 == 0 ? "return agent {" : agent_file(fmt::format("Number {}.", i)));
        const auto outcome = ask(Reloader::Ask::reload);
        EXPECT_EQ(outcome.kind, i % 2 == 0 ? Outcome::Kind::refused : Outcome::Kind::published);
        seen.push_back(outcome.serving);
    }
    EXPECT_EQ(call.generation()->number, 1U);
    EXPECT_EQ(number(), 51U);
    std::set<const Generation*> alive;
    for (const auto& each : seen) {
        if (const auto generation = each.lock()) alive.insert(generation.get());
    }
    EXPECT_EQ(alive.size(), Generations::kept_max + 1) << "five to roll back to, and the call's";
}

}  // namespace
}  // namespace parley::reload
