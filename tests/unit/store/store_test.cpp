#include "temporary.hpp"

#include "../../../runtime/store/src/retry.hpp"

namespace parley::store {
namespace {

using namespace test;

TEST(Store, WritesTheRowsDerivedFromEachEntry) {
    Folder folder;
    {
        const auto store = open_store(folder / "deeper/parley.db");
        call::Usage usage;
        usage.output_audio_tokens = 40;
        usage.cost_usd = 0.02;
        store->on_entry(started("CA1"));
        store->on_entry(said("CA1", "Tuesday?", 1'000));
        store->on_entry({"CA1", at(2'000),
                         journal::ToolStarted{"c1", "check_slots", R"({"date":"2026-11-24"})"}});
        store->on_entry({"CA1", at(2'012),
                         journal::ToolReturned{"c1", "check_slots", true, R"({"slots":[]})", 12}});
        store->on_entry(
            {"CA1", at(3'000),
             journal::AgentSaid{"item_2", "We have nine", "or ten.", 900, 2'000, true}});
        store->on_entry({"CA1", at(3'900), journal::UsageCounted{"r1", usage}});
        store->on_entry({"CA1", at(3'950), journal::UsageCounted{"r2", usage}});
        call::Usage written_down;
        written_down.audio_seconds = 2.5;
        written_down.cost_usd = 0.01;
        store->on_entry({"CA1", at(3'980), journal::UsageCounted{"", written_down, "item_1"}});
        store->on_entry(ended("CA1", 62'000));
    }
    Shell shell(folder / "deeper/parley.db");
    EXPECT_EQ(
        shell.value(
            "SELECT from_number || to_number || agent || channel || outcome || reason || duration_ms || turns FROM calls"),
        "+15550100001+15550100002sarahtwiliono_bookingcaller_hung_up620002");
    EXPECT_EQ(shell.value("SELECT printf('%.2f', cost_usd) FROM calls"), "0.05");
    EXPECT_EQ(shell.value("SELECT ended_at_ms - started_at_ms FROM calls"), "62000");
    EXPECT_EQ(
        shell.value(
            "SELECT group_concat(speaker || ':' || text || ':' || unheard || ':' || interrupted, ';') FROM transcript"),
        "caller:Tuesday?::0;agent:We have nine:or ten.:1");
    EXPECT_EQ(
        shell.value("SELECT name || arguments || output || ok || duration_ms FROM tool_calls"),
        R"(check_slots{"date":"2026-11-24"}{"slots":[]}112)");
    EXPECT_EQ(shell.value("SELECT sum(output_audio_tokens) FROM usage"), "80");
    EXPECT_EQ(shell.value(
                  "SELECT item_id || audio_seconds || response_id FROM usage WHERE item_id <> ''"),
              "item_12.5");
    EXPECT_EQ(shell.value("SELECT count(*) FROM journal"), "9");
}

TEST(Store, KeepsWhatTheScriptNotesAndMakesOfACall) {
    Folder folder;
    {
        const auto store = open_store(folder / "parley.db");
        store->on_entry(started("CA1"));
        store->on_entry({"CA1", at(2'000), journal::Note{"wants a call back", {{"at", "noon"}}}});
        store->on_entry(ended("CA1", 62'000));
        store->on_entry({"CA1", at(62'100), journal::Summary{{{"mood", "good"}}}});
    }
    Shell shell(folder / "parley.db");
    EXPECT_EQ(shell.value("SELECT text || fields FROM call_notes WHERE call_sid = 'CA1'"),
              R"(wants a call back{"at":"noon"})");
    EXPECT_EQ(shell.value("SELECT outcome || summary FROM calls"), R"(no_booking{"mood":"good"})");
}

TEST(Store, WritesAtMostFlushEveryAfterTheEntry) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    options.flush_every = 20ms;
    const auto store = open_store(options);
    store->on_entry(started("CA1"));

    EXPECT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    EXPECT_EQ(Shell(options.path).value("SELECT count(*) FROM calls"), "1");
}

TEST(Store, WritesAtOnceWhenACallHasEnded) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    options.flush_every = 1h;
    const auto store = open_store(options);
    store->on_entry(started("CA1"));
    EXPECT_EQ(store->health().entries_queued, 1U);
    store->on_entry(ended("CA1"));

    EXPECT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
}

TEST(Store, TakesACallSidThatComesAgain) {
    const auto store = open_store(":memory:");
    store->on_entry(started("CA1", 0));
    store->on_entry(started("CA1", 500));
    store->on_entry(ended("CA1"));
    store->on_entry(started("CA1", 90'000));  // the call was moved to another stream

    EXPECT_EQ(rows(*store, "SELECT started_at_ms, ended_at_ms, outcome FROM calls"),
              R"([{"started_at_ms":1795200720000,"ended_at_ms":null,"outcome":""}])");
    EXPECT_EQ(rows(*store, "SELECT count(*) AS n FROM journal"), R"([{"n":4}])");
    EXPECT_TRUE(store->health().is_well);
}

TEST(Store, TakesEntriesOfACallWhoseStartIsMissing) {
    const auto store = open_store(":memory:");
    store->on_entry({"CA1", at(500), journal::ToolReturned{"c9", "lookup", true, "x", 3}});
    store->on_entry(said("CA1", "Hello", 1'000));
    store->on_entry(ended("CA1", 4'000));

    EXPECT_EQ(rows(*store, "SELECT turns, outcome FROM calls"),
              R"([{"turns":1,"outcome":"no_booking"}])");
    EXPECT_EQ(store->health().entries_lost, 0U);
}

TEST(Store, LetsAScriptSeeItsOwnCall) {
    Options options;
    options.path = ":memory:";
    options.flush_every = 1h;
    const auto store = open_store(options);
    store->on_entry(started("CA1"));

    EXPECT_EQ(rows(*store, "SELECT agent FROM calls WHERE call_sid = ?", {"CA1"}),
              R"([{"agent":"sarah"}])");
}

TEST(Store, ShowsAQueryWhatCameBeforeItAlsoDuringAWrite) {
    Folder folder;
    const auto store = open_store(folder / "parley.db");
    for (int i = 0; i < 300; ++i) {
        const std::string sid = "CA" + std::to_string(i);
        store->on_entry(ended(sid));  // is written at once, perhaps without what follows
        store->on_entry(said(sid, "Goodbye."));
        ASSERT_EQ(rows(*store, "SELECT count(*) AS n FROM transcript WHERE call_sid = ?", {sid}),
                  R"([{"n":1}])");
    }
}

TEST(Store, KeepsStrangeTextAsItIs) {
    const auto store = open_store(":memory:");
    store->on_entry(said("CA'); DROP TABLE calls; --", "O'Brien \xF0\x9F\x98\x80 \"x\"\n", 0));
    store->on_entry(said("CA2", "caf\xE9", 1));

    EXPECT_EQ(
        ask(*store, "SELECT text FROM transcript ORDER BY at_ms")->rows[0].at("text").as_string(),
        "O'Brien \xF0\x9F\x98\x80 \"x\"\n");
    EXPECT_EQ(
        ask(*store, "SELECT text FROM transcript ORDER BY at_ms")->rows[1].at("text").as_string(),
        "caf\xEF\xBF\xBD");
}

TEST(Store, WritesEntriesOfManyThreadsEachCallInOrder) {
    Folder folder;
    constexpr int threads = 8;
    constexpr int each = 500;
    {
        const auto store = open_store(folder / "parley.db");
        std::vector<std::thread> calls;
        for (int t = 0; t < threads; ++t) {
            calls.emplace_back([&, t] {
                for (int i = 0; i < each; ++i)
                    store->on_entry(said("CA" + std::to_string(t), std::to_string(i), i));
            });
        }
        for (auto& call : calls) call.join();
    }
    Shell shell(folder / "parley.db");
    EXPECT_EQ(shell.value("SELECT count(*) FROM journal"), std::to_string(threads * each));
    // Row ids rise with the order of the call.
    EXPECT_EQ(
        shell.value(
            "SELECT count(*) FROM (SELECT at_ms - lag(at_ms) OVER (PARTITION BY call_sid ORDER BY id) AS step FROM journal) "
            "WHERE step <> 1"),
        "0");
}

TEST(Store, AnswersQueriesWhileABacklogIsWritten) {
    Folder folder;
    const auto store = open_store(folder / "parley.db");
    Shell shell(folder / "parley.db");
    ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);
    for (int i = 0; i < 15'000; ++i) store->on_entry(said("CA1", std::string(200, 'x'), i));
    shell.run("COMMIT");

    ASSERT_TRUE(eventually(
        [&] { return store->health().is_well && store->health().entries_queued < 15'000; }));
    EXPECT_TRUE(ask(*store, "SELECT 1"));
    EXPECT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
}

TEST(Store, WritesEntriesWhileQueriesKeepComing) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    const auto store = open_store(options);
    std::atomic<bool> stop = false;
    // Each answer asks the next question, so a query is always waiting.
    std::function<void(QueryResult)> again = [&](QueryResult) {
        if (!stop) store->query({"SELECT count(*) FROM sqlite_schema", {}}, again);
    };
    for (int i = 0; i < 20; ++i) again(QueryAnswer{});
    store->on_entry(started("CA1"));

    EXPECT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    stop = true;
    store->close();
    EXPECT_EQ(Shell(options.path).value("SELECT count(*) FROM calls"), "1");
}

TEST(Store, RefusesMoreQueriesThanMayWait) {
    Options options;
    options.path = ":memory:";
    options.queries_queued_max = 2;
    const auto store = open_store(options);
    std::promise<void> hold;
    std::promise<void> held;
    store->query({"SELECT 1", {}}, [&](QueryResult) {
        held.set_value();
        hold.get_future().wait();
    });
    held.get_future().wait();
    std::atomic<int> answered = 0;
    for (int i = 0; i < 2; ++i)
        store->query({"SELECT 1", {}}, [&](QueryResult result) { answered += result ? 1 : 0; });

    std::optional<QueryProblem> problem;
    store->query({"SELECT 1", {}}, [&](QueryResult result) { problem = result.error(); });
    ASSERT_TRUE(problem);
    EXPECT_EQ(problem->kind, QueryProblem::Kind::busy);
    hold.set_value();
    store->close();
    EXPECT_EQ(answered, 2);
}

TEST(Store, SurvivesAnAnswerHandlerThatThrows) {
    const auto store = open_store(":memory:");
    store->query({"SELECT 1", {}}, [](QueryResult) { throw std::runtime_error("oops"); });

    EXPECT_EQ(rows(*store, "SELECT 2 AS two"), R"([{"two":2}])");
}

TEST(Store, GivesItsOwnTablesToTheRuntimesRoomsAndNotToScripts) {
    const auto store = open_store(":memory:");
    const std::string sql =
        "INSERT INTO access_tokens(name, role, digest, created_at_ms) VALUES (?, 'viewer', 'd', 1)";
    const auto ask = [&](auto member, const std::string& statement, json::array parameters) {
        std::promise<QueryResult> answer;
        ((*store).*member)({statement, std::move(parameters)},
                           [&](QueryResult result) { answer.set_value(std::move(result)); });
        return answer.get_future().get();
    };
    EXPECT_EQ(ask(&Store::run, sql, {"maria"})->changes, 1);
    EXPECT_EQ(ask(&Store::run, sql, {"maria"}).error().kind, QueryProblem::Kind::constraint);
    EXPECT_EQ(ask(&Store::query, sql, {"eve"}).error().kind, QueryProblem::Kind::mistake)
        << "prepared for the runtime, not for scripts";
    EXPECT_FALSE(ask(&Store::query, "SELECT digest FROM access_tokens", {}));
    EXPECT_FALSE(ask(&Store::query, "SELECT count(*) FROM audit", {}));
    EXPECT_TRUE(ask(&Store::query, "SELECT count(*) FROM calls", {}));
    EXPECT_EQ(ask(&Store::run, "SELECT name FROM access_tokens", {})->rows.size(), 1U);
}

TEST(Retry, WaitsLongerEachTimeUpToTheLimitAndSpeaksUpNowAndThen) {
    Retry retry;
    TimePoint now{};
    EXPECT_TRUE(retry.failed(now));
    EXPECT_EQ(retry.next_try() - now, 100ms);
    now = retry.next_try();
    EXPECT_FALSE(retry.failed(now));
    EXPECT_EQ(retry.next_try() - now, 200ms);

    int lines = 0;
    for (int i = 0; i < 10; ++i) {
        now = retry.next_try();
        lines += retry.failed(now) ? 1 : 0;
    }
    EXPECT_EQ(retry.next_try() - now, 5s);
    EXPECT_EQ(lines, 3);  // in the 31 s that these tries took
    EXPECT_EQ(retry.succeeded(now), now - TimePoint{});
    EXPECT_EQ(retry.succeeded(now), 0ms);
    EXPECT_TRUE(retry.failed(now));
    EXPECT_EQ(retry.next_try() - now, 100ms);
}

}  // namespace
}  // namespace parley::store
