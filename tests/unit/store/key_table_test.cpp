#include "../../../runtime/store/src/key_table.hpp"

#include "temporary.hpp"

#include <limits>

namespace parley::store {
namespace {

using namespace test;
using Kind = QueryProblem::Kind;
using Verb = KeyRequest::Verb;

class Keys : public testing::Test {
 protected:
    Keys() {
        EXPECT_FALSE(database_.open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
        EXPECT_FALSE(database_.run(
            "CREATE TABLE script_keys (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, "
            "expires_at_ms INTEGER NOT NULL) WITHOUT ROWID"));
    }
    KeyAnswer ask(KeyRequest request) {
        const auto result = table_.run(request, at(ms_));
        EXPECT_TRUE(result) << result.error().message;
        return result ? *result : KeyAnswer{};
    }
    std::optional<std::string> get(std::string key) {
        return ask({.verb = Verb::get, .key = std::move(key)}).value;
    }
    void set(std::string key, std::string value, std::chrono::seconds lifetime = 10s) {
        EXPECT_TRUE(ask({Verb::set, std::move(key), std::move(value), 0, lifetime}).did_change);
    }
    std::int64_t add(std::string key, std::int64_t by, std::chrono::seconds lifetime = 10s) {
        return ask({Verb::increment, std::move(key), "", by, lifetime}).number;
    }
    QueryProblem problem(KeyRequest request) {
        const auto result = table_.run(request, at(ms_));
        EXPECT_FALSE(result);
        return result ? QueryProblem{} : result.error();
    }

    Database database_;
    KeyTable table_{database_, {.keys_max = 3, .purge_every = 1s}};
    std::int64_t ms_ = 0;
};

TEST_F(Keys, AreAbsentUntilSet) {
    EXPECT_EQ(get("a"), std::nullopt);
    EXPECT_FALSE(ask({.verb = Verb::remove, .key = "a"}).did_change);
    set("a", "1");
    EXPECT_EQ(get("a"), "1");
    EXPECT_TRUE(ask({.verb = Verb::remove, .key = "a"}).did_change);
    EXPECT_EQ(get("a"), std::nullopt);
}

TEST_F(Keys, EndWithTheirLifetime) {
    set("a", "1", 10s);
    ms_ = 9'999;
    EXPECT_EQ(get("a"), "1");
    ms_ = 10'000;
    EXPECT_EQ(get("a"), std::nullopt);
    EXPECT_EQ(add("a", 1), 1) << "an expired number counts as absent";
}

TEST_F(Keys, AreSetOnceByWhoeverIsFirst) {
    EXPECT_TRUE(ask({Verb::set_if_absent, "a", "1", 0, 10s}).did_change);
    const auto second = ask({Verb::set_if_absent, "a", "2", 0, 10s});
    EXPECT_FALSE(second.did_change);
    EXPECT_EQ(second.value, "1");
    ms_ = 10'000;
    EXPECT_TRUE(ask({Verb::set_if_absent, "a", "3", 0, 10s}).did_change);
}

TEST_F(Keys, CountAndKeepTheirTime) {
    EXPECT_EQ(add("n", 5, 10s), 5);
    ms_ = 9'000;
    EXPECT_EQ(add("n", -7, 10s), -2) << "the lifetime is that of the first";
    ms_ = 10'000;
    EXPECT_EQ(get("n"), std::nullopt);
}

TEST_F(Keys, RefuseToCountWhatIsNoWholeNumber) {
    set("a", "\"text\"");
    EXPECT_EQ(problem({.verb = Verb::increment, .key = "a"}).kind, Kind::mistake);
    EXPECT_EQ(get("a"), "\"text\"");
    set("b", std::to_string(std::numeric_limits<std::int64_t>::max()));
    EXPECT_EQ(problem({.verb = Verb::increment, .key = "b"}).message, "the sum is too large");
    set("c", "1.5");
    EXPECT_EQ(problem({.verb = Verb::increment, .key = "c"}).kind, Kind::mistake);
}

TEST_F(Keys, AreBoundedInNumber) {
    for (const char* key : {"a", "b", "c"}) set(key, "1", 60s);
    ms_ = 1'000;
    EXPECT_EQ(problem({Verb::set, "d", "1", 0, 60s}).kind, Kind::full);
    set("a", "2", 60s);
    ms_ = 70'000;
    set("d", "1");
    EXPECT_EQ(database_.value("SELECT count(*) FROM script_keys"), "1")
        << "expired rows are deleted";
}

TEST(KeysOfAStore, OutliveTheStoreAndAreReadOnlyToSql) {
    Folder folder;
    const auto ask_store = [](Store& store, KeyRequest request) {
        std::promise<KeyResult> promise;
        store.key(std::move(request),
                  [&](KeyResult result) { promise.set_value(std::move(result)); });
        return promise.get_future().get();
    };
    {
        const auto store = open_store(folder / "parley.db");
        EXPECT_TRUE(
            ask_store(*store, {.verb = Verb::set, .key = "a", .value = "[1]", .lifetime = 3'600s})
                .has_value());
    }
    const auto store = open_store(folder / "parley.db");
    EXPECT_EQ(ask_store(*store, {.verb = Verb::get, .key = "a"})->value, "[1]");
    const auto refused = ask(*store, "DELETE FROM script_keys");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message,
              "script_keys belongs to the runtime and is read-only to scripts");
}

}  // namespace
}  // namespace parley::store
