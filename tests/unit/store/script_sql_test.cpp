// What scripts may ask of the database, and how they are told what is wrong.
#include "temporary.hpp"

#include <set>

namespace parley::store {
namespace {

using namespace test;
using Kind = QueryProblem::Kind;

class ScriptQueries : public testing::Test {
 protected:
    explicit ScriptQueries(milliseconds time_max = 60s) {
        folder_.write("001_notes.sql",
                      "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT UNIQUE, size REAL);\n"
                      "CREATE TABLE parts (note INTEGER NOT NULL REFERENCES notes(id));");
        Options options;
        options.path = folder_ / "parley.db";
        options.migrations_dir = folder_.path();
        options.query_time_max = time_max;
        store_ = open_store(options);
    }

    QueryProblem problem(std::string sql, json::array parameters = {}) {
        const auto result = ask(*store_, std::move(sql), std::move(parameters));
        EXPECT_FALSE(result) << "was let through";
        return result ? QueryProblem{} : result.error();
    }
    void expect_mistake(const std::string& sql, std::string_view words,
                        json::array parameters = {}) {
        SCOPED_TRACE(sql);
        const auto found = problem(sql, std::move(parameters));
        EXPECT_EQ(found.kind, Kind::mistake) << found.message;
        EXPECT_NE(found.message.find(words), std::string::npos) << found.message;
    }

    Folder folder_;
    std::unique_ptr<Store> store_;
};

TEST_F(ScriptQueries, AnswerRowsInTheOrderOfTheColumns) {
    EXPECT_EQ(rows(*store_, "SELECT 1 AS z, 'two' AS a, 2.5 AS m, NULL AS n, x'0102ff' AS b"),
              R"([{"z":1,"a":"two","m":2.5E0,"n":null,"b":"AQL/"}])");
}

TEST_F(ScriptQueries, TakeValuesByName) {
    const json::array named{json::object{{"text", "a"}, {"size", 2}}};
    EXPECT_EQ(ask(*store_, "INSERT INTO notes(text, size) VALUES (:text, :size)", named)->changes,
              1);
    EXPECT_EQ(rows(*store_, "SELECT text, size FROM notes WHERE text = @text OR text = $text",
                   {json::object{{"text", "a"}}}),
              R"([{"text":"a","size":2E0}])");
    EXPECT_EQ(rows(*store_, "SELECT :a IS NULL AS x", {json::object{}}), R"([{"x":1}])");
    expect_mistake("SELECT :text", "the statement has no :txt; did you mean :text?",
                   {json::object{{"txt", "a"}}});
    expect_mistake("SELECT ?", "name the parameters in the SQL: :name", {json::object{{"a", 1}}});
    expect_mistake("SELECT :a", "parameter :a is a table", {json::object{{"a", json::array{}}}});
}

TEST_F(ScriptQueries, TellWhatAWriteChanged) {
    const auto first = ask(*store_, "INSERT INTO notes(text) VALUES (?)", {"a"});
    const auto second =
        ask(*store_, "INSERT INTO notes(text) VALUES (?) RETURNING id, text", {"b"});
    const auto update = ask(*store_, "UPDATE notes SET size = 1");
    const auto none = ask(*store_, "UPDATE notes SET size = 1 WHERE id = 99");
    const auto ignored = ask(*store_, "INSERT OR IGNORE INTO notes(text) VALUES ('a')");

    EXPECT_EQ(first->changes, 1);
    EXPECT_EQ(first->last_id, 1);
    EXPECT_EQ(json::serialize(second->rows), R"([{"id":2,"text":"b"}])");
    EXPECT_EQ(second->changes, 1);
    EXPECT_EQ(update->changes, 2);
    EXPECT_EQ(update->last_id, 0);
    EXPECT_EQ(none->changes, 0);
    EXPECT_EQ(ignored->changes, 0);
    EXPECT_EQ(ignored->last_id, 0);
    EXPECT_EQ(ask(*store_, "SELECT 1")->changes, 0);
}

TEST_F(ScriptQueries, BindEveryKindOfValue) {
    EXPECT_EQ(rows(*store_, "SELECT ? AS a, ? AS b, ? AS c, ? AS d, ? AS e",
                   {nullptr, true, 7, 0.5, "it's"}),
              R"([{"a":null,"b":1,"c":7,"d":5E-1,"e":"it's"}])");
    EXPECT_EQ(rows(*store_, "SELECT ?1 || ?1 AS twice", {"ab"}), R"([{"twice":"abab"}])");
}

TEST_F(ScriptQueries, SayHowManyParametersAreMissing) {
    expect_mistake("SELECT ?, ?", "the statement has 2 parameters, and 1 value was given", {1});
    expect_mistake("SELECT 1", "the statement has 0 parameters, and 2 values were given", {1, 2});
    expect_mistake("SELECT ?", "parameter 1 is a table", {json::object{{"a", 1}}});
}

TEST_F(ScriptQueries, ArePreparedAfreshWithNewValues) {
    ask(*store_, "INSERT INTO notes(text, size) VALUES (?, ?)", {"a", 1});
    ask(*store_, "INSERT INTO notes(text, size) VALUES (?, ?)", {"b", nullptr});

    EXPECT_EQ(rows(*store_, "SELECT text, size FROM notes ORDER BY id"),
              R"([{"text":"a","size":1E0},{"text":"b","size":null}])");
}

TEST_F(ScriptQueries, HoldExactlyOneStatement) {
    expect_mistake("SELECT 1; SELECT 2", "more than one statement");
    expect_mistake("SELECT 1; DROP TABLE notes", "more than one statement");
    expect_mistake("SELECT 1; nonsense", "more than one statement");
    expect_mistake("", "no statement");
    expect_mistake(" -- only words", "no statement");
    expect_mistake(std::string("SELECT 1\0; DROP TABLE notes", 27), "zero byte");
    EXPECT_EQ(rows(*store_, "SELECT 1 AS a; -- done\n ;"), R"([{"a":1}])");
}

TEST_F(ScriptQueries, GiveSqlitesWordsForABrokenStatement) {
    expect_mistake("SELEC 1", "syntax error");
    expect_mistake("SELECT * FROM nowhere", "no such table: nowhere");
}

TEST_F(ScriptQueries, MayReadButNotWriteTheRuntimesTables) {
    EXPECT_EQ(rows(*store_, "SELECT count(*) AS n FROM calls"), R"([{"n":0}])");
    for (const char* sql : {"DELETE FROM calls", "UPDATE JOURNAL SET data = ''",
                            "INSERT INTO transcript(call_sid) VALUES ('x')",
                            "REPLACE INTO usage(call_sid) VALUES ('x')",
                            "DELETE FROM main.tool_calls", "DELETE FROM script_migrations"}) {
        expect_mistake(sql, "belongs to the runtime");
    }
}

TEST_F(ScriptQueries, MayNotChangeTheSchema) {
    for (const char* sql :
         {"CREATE TABLE more (x)", "CREATE TEMP TABLE more (x)", "DROP TABLE notes",
          "ALTER TABLE notes ADD COLUMN y", "CREATE INDEX i ON notes(size)",
          "CREATE VIEW v AS SELECT 1", "CREATE VIRTUAL TABLE f USING fts5(x)",
          "CREATE TRIGGER t AFTER INSERT ON notes BEGIN SELECT 1; END", "REINDEX notes",
          "ANALYZE"}) {
        expect_mistake(sql, "scripts/migrations/");
    }
    expect_mistake("DELETE FROM sqlite_schema", "may not be modified");
    EXPECT_EQ(
        rows(*store_,
             "SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('notes', 'more', 'v', 'f')"),
        R"([{"n":1}])");
}

TEST_F(ScriptQueries, MayNotReachOutsideTheDatabase) {
    for (const char* sql : {"ATTACH 'x.db' AS x", "DETACH main", "PRAGMA journal_mode = DELETE",
                            "PRAGMA user_version", "VACUUM", "VACUUM INTO 'copy.db'", "BEGIN",
                            "COMMIT", "ROLLBACK", "SAVEPOINT s", "SELECT load_extension('x')",
                            "SELECT * FROM pragma_table_info('notes')"}) {
        expect_mistake(sql, "not available to scripts");
    }
    EXPECT_FALSE(std::filesystem::exists("copy.db"));
}

class HurriedScriptQueries : public ScriptQueries {
 protected:
    HurriedScriptQueries() : ScriptQueries(300ms) {}
};

TEST_F(HurriedScriptQueries, AreStoppedWhenTheyTakeTooLong) {
    const auto found = problem(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n");

    EXPECT_EQ(found.kind, Kind::timeout);
    EXPECT_EQ(found.message, "took longer than 300 ms and was stopped");
    EXPECT_EQ(rows(*store_, "SELECT 1 AS a"), R"([{"a":1}])");
}

TEST_F(ScriptQueries, MayNotBringTooManyRowsOrBytes) {
    const std::string numbers =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ";
    EXPECT_EQ(ask(*store_, numbers + "1000) SELECT i FROM n")->rows.size(), 1'000U);
    expect_mistake(numbers + "1001) SELECT i FROM n", "more than 1000 rows; add LIMIT");
    expect_mistake(numbers + "100) SELECT hex(zeroblob(100000)) FROM n", "more than 16 MB");
    expect_mistake("SELECT zeroblob(500000000)", "too big");
}

TEST_F(ScriptQueries, LeaveNothingBehindWhenAReturningWriteIsGivenUp) {
    expect_mistake(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1001) INSERT INTO notes(id) SELECT i FROM n RETURNING id",
        "more than 1000 rows");

    EXPECT_EQ(rows(*store_, "SELECT count(*) AS n FROM notes"), R"([{"n":0}])");
}

TEST_F(ScriptQueries, MayTakeJsonApart) {
    EXPECT_EQ(rows(*store_, "SELECT value FROM json_each(?)", {R"(["a","b"])"}),
              R"([{"value":"a"},{"value":"b"}])");
}

TEST_F(ScriptQueries, GetValidUtf8WhateverIsStored) {
    EXPECT_EQ(ask(*store_, "SELECT CAST(x'63ff' AS TEXT) AS t")->rows[0].at("t").as_string(),
              "c\xEF\xBF\xBD");
}

TEST_F(ScriptQueries, TellAConstraintFromAMistake) {
    ask(*store_, "INSERT INTO notes(text) VALUES ('a')");

    const auto unique = problem("INSERT INTO notes(text) VALUES ('a')");
    EXPECT_EQ(unique.kind, Kind::constraint);
    EXPECT_EQ(unique.message, "UNIQUE constraint failed: notes.text");
    EXPECT_EQ(problem("INSERT INTO parts VALUES (42)").kind, Kind::constraint);
}

TEST_F(ScriptQueries, RunInOneTransactionOrNotAtAll) {
    const auto good = ask_all(*store_, {{"INSERT INTO notes(text) VALUES (?)", {"a"}},
                                        {"SELECT count(*) AS n FROM notes", {}}});
    ASSERT_TRUE(good);
    EXPECT_EQ(json::serialize((*good)[1].rows), R"([{"n":1}])");

    const auto bad = ask_all(*store_, {{"INSERT INTO notes(text) VALUES ('b')", {}},
                                       {"INSERT INTO notes(text) VALUES ('a')", {}}});
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().kind, Kind::constraint);
    EXPECT_EQ(bad.error().message, "statement 2: UNIQUE constraint failed: notes.text");
    EXPECT_FALSE(ask_all(
        *store_, {{"INSERT INTO notes(text) VALUES ('c')", {}}, {"DELETE FROM calls", {}}}));
    EXPECT_FALSE(ask_all(*store_, {{"INSERT INTO notes(text) VALUES ('d')", {}},
                                   {"INSERT OR ROLLBACK INTO notes(text) VALUES ('a')", {}}}));
    EXPECT_FALSE(ask_all(*store_, {{"INSERT INTO notes(text) VALUES ('e')", {}}, {"COMMIT", {}}}));

    EXPECT_EQ(rows(*store_, "SELECT group_concat(text) AS t FROM notes"), R"([{"t":"a"}])");
    EXPECT_TRUE(ask_all(*store_, {}));
}

TEST_F(ScriptQueries, WorkForMoreStatementsThanAreKeptPrepared) {
    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(rows(*store_, "SELECT " + std::to_string(i % 150) + " AS n"),
                  "[{\"n\":" + std::to_string(i % 150) + "}]");
    }
}

// The shipped table: fifty callers want the same slot at the same time.
TEST(Appointments, GiveASlotToOneOfFiftyCallers) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    options.migrations_dir = std::string(PARLEY_SOURCE_DIR) + "/scripts/migrations";
    const auto store = open_store(options);
    constexpr int callers = 50;
    std::atomic<int> booked = 0;
    std::atomic<int> refused = 0;
    std::atomic<int> other = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < callers; ++i) {
        threads.emplace_back([&, i] {
            const auto result = ask(
                *store,
                "INSERT INTO appointments(customer_name, phone_number, appointment_date, appointment_time, "
                "confirmation_number) VALUES (?, ?, '2026-11-24', '2:00 PM', ?)",
                {"Caller " + std::to_string(i), "+1555010" + std::to_string(1000 + i),
                 "C" + std::to_string(i)});
            if (result) {
                ++booked;
            } else if (result.error().kind == Kind::constraint) {
                ++refused;
            } else {
                ++other;
            }
        });
    }
    for (auto& thread : threads) thread.join();

    EXPECT_EQ(booked, 1);
    EXPECT_EQ(refused, 49);
    EXPECT_EQ(other, 0);
    EXPECT_EQ(rows(*store, "SELECT count(*) AS n FROM appointments"), R"([{"n":1}])");
}

TEST(Appointments, FreeASlotWhenCancelled) {
    Options options;
    options.path = ":memory:";
    options.migrations_dir = std::string(PARLEY_SOURCE_DIR) + "/scripts/migrations";
    const auto store = open_store(options);
    const auto book = [&](const char* number, const char* calendar) {
        return ask(
            *store,
            "INSERT INTO appointments(customer_name, phone_number, appointment_date, appointment_time, confirmation_number, "
            "calendar) VALUES ('Ann', '+1', '2026-11-24', '2:00 PM', ?, ?)",
            {number, calendar});
    };
    ASSERT_TRUE(book("A1", "default"));
    ASSERT_FALSE(book("A2", "default"));
    EXPECT_TRUE(book("A3", "dr_lee"));

    ASSERT_TRUE(ask(
        *store, "UPDATE appointments SET status = 'cancelled' WHERE confirmation_number = 'A1'"));
    EXPECT_TRUE(book("A4", "default"));
    EXPECT_EQ(
        ask(*store, "UPDATE appointments SET status = 'confirmed' WHERE confirmation_number = 'A1'")
            .error()
            .kind,
        Kind::constraint);
    EXPECT_EQ(ask(*store, "UPDATE appointments SET status = 'lost'").error().kind,
              Kind::constraint);
}

}  // namespace
}  // namespace parley::store
