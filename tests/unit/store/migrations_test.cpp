#include "temporary.hpp"

#include <parley/store/migrations.hpp>

#include <future>

namespace parley::store {
namespace {

using namespace test;

class Migrations : public testing::Test {
 protected:
    Migrations() {
        options_.path = folder_ / "parley.db";
        options_.migrations_dir = folder_ / "migrations";
        std::filesystem::create_directory(options_.migrations_dir);
    }
    void file(std::string_view name, std::string_view sql) {
        folder_.write("migrations/" + std::string(name), sql);
    }
    std::string value(const char* sql) { return Shell(options_.path).value(sql); }

    Folder folder_;
    Options options_;
};

TEST_F(Migrations, RunOnceInTheOrderOfTheirNames) {
    file("002_fill.sql", "INSERT INTO notes VALUES ('first');\n-- done\n");
    file("001_make.sql", "CREATE TABLE notes (text TEXT);");
    file("notes.txt", "not SQL");
    open_store(options_);
    open_store(options_);

    EXPECT_EQ(value("SELECT count(*) FROM notes"), "1");
    EXPECT_EQ(value("SELECT group_concat(name) FROM script_migrations"),
              "001_make.sql,002_fill.sql");
    EXPECT_EQ(value("SELECT length(sha256) FROM script_migrations"), "64");
}

TEST_F(Migrations, AddALaterFile) {
    file("001_make.sql", "CREATE TABLE notes (text TEXT);");
    open_store(options_);
    file("002_more.sql",
         "ALTER TABLE notes ADD COLUMN size INTEGER; CREATE INDEX i ON notes(size);");
    open_store(options_);

    EXPECT_EQ(value("SELECT count(*) FROM pragma_table_info('notes')"), "2");
}

TEST_F(Migrations, RefuseAFileThatWasChanged) {
    file("001_make.sql", "CREATE TABLE notes (text TEXT);");
    open_store(options_);
    file("001_make.sql", "CREATE TABLE notes (text TEXT, size INTEGER);");
    const auto fault = open_fault(options_);

    EXPECT_EQ(fault.where, options_.migrations_dir + "/001_make.sql");
    EXPECT_NE(fault.remedy.find("write a new migration instead"), std::string::npos);
}

TEST_F(Migrations, ApplyNothingOfAFileThatFailsAndNameTheLine) {
    file("001_make.sql", "CREATE TABLE notes (text TEXT);\n");
    file("002_bad.sql",
         "CREATE TABLE half (x);\nINSERT INTO notes VALUES ('half');\n\nCREATE TABEL oops (x);\n");
    const auto fault = open_fault(options_);

    EXPECT_EQ(fault.where, options_.migrations_dir + "/002_bad.sql:4");
    EXPECT_EQ(fault.what, "near \"TABEL\": syntax error");
    EXPECT_EQ(value("SELECT count(*) FROM notes"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM sqlite_schema WHERE name = 'half'"), "0");
    EXPECT_EQ(value("SELECT group_concat(name) FROM script_migrations"), "001_make.sql");
}

TEST_F(Migrations, NameTheLineOfAStatementThatFailsWhenRun) {
    file(
        "001_bad.sql",
        "CREATE TABLE notes (text TEXT UNIQUE);\nINSERT INTO notes VALUES ('a');\nINSERT INTO notes VALUES ('a');\n");
    const auto fault = open_fault(options_);

    EXPECT_EQ(fault.where, options_.migrations_dir + "/001_bad.sql:3");
    EXPECT_EQ(fault.what, "UNIQUE constraint failed: notes.text");
}

TEST_F(Migrations, MayNotEndTheirTransactionOrTouchTheRuntimesTables) {
    for (const char* sql :
         {"CREATE TABLE a (x); COMMIT; CREATE TABLE b (x);", "DROP TABLE calls;",
          "ALTER TABLE journal ADD COLUMN x;",
          "CREATE TRIGGER t AFTER INSERT ON calls BEGIN SELECT 1; END;",
          "CREATE UNIQUE INDEX i ON journal(call_sid);", "DELETE FROM usage;",
          "PRAGMA user_version = 7;", "ATTACH 'x' AS x;", "DROP INDEX calls_by_start;"}) {
        SCOPED_TRACE(sql);
        file("001_bad.sql", sql);
        EXPECT_EQ(open_fault(options_).where, options_.migrations_dir + "/001_bad.sql:1");
    }
    EXPECT_EQ(value("SELECT count(*) FROM sqlite_schema WHERE name IN ('a', 'b', 't', 'i')"), "0");
    EXPECT_EQ(value("SELECT count(*) FROM sqlite_schema WHERE name = 'calls_by_start'"), "1");
}

TEST_F(Migrations, AllowFullTextSearch) {
    file("001_search.sql", "CREATE VIRTUAL TABLE articles USING fts5(title, body);");
    open_store(options_);
    const auto store = open_store(options_);  // now the table is first used by a script

    EXPECT_TRUE(ask(*store, "INSERT INTO articles VALUES ('Opening hours', 'Monday to Friday')"));
    EXPECT_EQ(rows(*store, "SELECT title FROM articles WHERE articles MATCH ?", {"monday"}),
              R"([{"title":"Opening hours"}])");
}

TEST_F(Migrations, AreAppliedWhileTheStoreRunsWhenAskedFor) {
    file("001_make.sql", "CREATE TABLE notes (text TEXT);");
    const auto store = open_store(options_);
    EXPECT_EQ(store->migrations().size(), 1U);
    const auto migrate = [&](MigrationTexts texts) {
        std::promise<Checked<void>> done;
        store->migrate(std::move(texts),
                       [&](Checked<void> result) { done.set_value(std::move(result)); });
        return done.get_future().get();
    };
    const auto bad = migrate({{"001_make.sql", "CREATE TABLE notes (text TEXT);"},
                              {"002_bad.sql", "ALTER TABLE nots ADD COLUMN x;"}});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().where, options_.migrations_dir + "/002_bad.sql:1");
    EXPECT_EQ(store->migrations().size(), 1U);

    EXPECT_TRUE(migrate({{"001_make.sql", "CREATE TABLE notes (text TEXT);"},
                         {"002_more.sql", "ALTER TABLE notes ADD COLUMN size;"}}));
    EXPECT_TRUE(ask(*store, "INSERT INTO notes(text, size) VALUES ('a', 1)"));
    EXPECT_EQ(store->migrations().size(), 2U);

    const auto changed = migrate({{"001_make.sql", "CREATE TABLE notes (body TEXT);"}});
    ASSERT_FALSE(changed);
    EXPECT_EQ(changed.error().what, "was changed after it had been applied");
}

TEST(TryMigrations, NamesTheFirstMistakeWithoutADatabase) {
    EXPECT_TRUE(
        try_migrations(
            {{"001.sql", "CREATE TABLE a (x);"}, {"002.sql", "ALTER TABLE a ADD COLUMN y;"}}, "m")
            .empty());
    const auto faults = try_migrations({{"001.sql", "CREATE TABLE a (x);"},
                                        {"002.sql", "\nALTER TABLE b ADD COLUMN y;"},
                                        {"003.sql", "junk"}},
                                       "m");
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].where, "m/002.sql:2");
    EXPECT_EQ(try_migrations({{"001.sql", "DROP TABLE calls;"}}, "m").size(), 1U);
}

TEST(TryMigrations, AreStoppedWhenTheyNeverEnd) {
    const auto faults = try_migrations(
        {{"001.sql",
          "CREATE TABLE a AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n;"}},
        "m");
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].where, "m/001.sql:1");
}

TEST_F(Migrations, NameAFolderThatIsMissing) {
    options_.migrations_dir = folder_ / "nowhere";

    EXPECT_EQ(open_fault(options_).where, options_.migrations_dir);
}

}  // namespace
}  // namespace parley::store
