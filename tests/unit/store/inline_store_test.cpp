#include "temporary.hpp"

#include <parley/store/inline_store.hpp>

namespace parley::store {
namespace {

using namespace test;

TEST(InlineStore, NamesTheMigrationThatIsWrong) {
    const Folder folder;
    folder.write("001_notes.sql", "CREATE TABEL notes (text TEXT);");
    const auto opened = InlineStore::open(folder.path());
    ASSERT_FALSE(opened);
    EXPECT_NE(opened.error().text().find("001_notes.sql:1"), std::string::npos)
        << opened.error().text();
}

TEST(InlineStore, KeepsTheRulesOfScripts) {
    const auto store = InlineStore::open("");
    ASSERT_TRUE(store) << store.error().text();
    const auto refused = (*store)->query({"DELETE FROM calls", {}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message, "calls belongs to the runtime and is read-only to scripts");
}

TEST(InlineStore, AnswersBeforeTheQuestionReturns) {
    const Folder folder;
    folder.write("001_notes.sql", "CREATE TABLE notes (text TEXT UNIQUE);");
    const auto store = InlineStore::open(folder.path());
    ASSERT_TRUE(store) << store.error().text();
    EXPECT_TRUE((*store)->query({"INSERT INTO notes VALUES (?)", {"one"}}));
    const auto all = (*store)->transaction(
        {{"INSERT INTO notes VALUES ('two')", {}}, {"INSERT INTO notes VALUES ('one')", {}}});
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().kind, QueryProblem::Kind::constraint);
    const auto rows = (*store)->query({"SELECT text FROM notes", {}});
    ASSERT_TRUE(rows);
    EXPECT_EQ(json::serialize(rows->rows), R"([{"text":"one"}])");
}

TEST(InlineStore, ShowsACallToItsScriptsAtOnce) {
    const auto store = InlineStore::open("");
    ASSERT_TRUE(store) << store.error().text();
    (*store)->on_entry({"CA1", WallTime(std::chrono::seconds(1'700'000'000)),
                        call::journal::CallStarted{"+1", "+2", "sarah", "twilio"}});
    const auto rows = (*store)->query({"SELECT agent FROM calls WHERE call_sid = 'CA1'", {}});
    ASSERT_TRUE(rows) << rows.error().message;
    EXPECT_EQ(json::serialize(rows->rows), R"([{"agent":"sarah"}])");
}

}  // namespace
}  // namespace parley::store
