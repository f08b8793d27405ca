#include "temporary.hpp"

#include <gmock/gmock.h>

namespace parley::store::test {
namespace {

std::vector<Delivery> due(Store& store, WallTime now) {
    std::promise<std::vector<Delivery>> promise;
    store.due_deliveries(
        now, 10, [&](auto found) { promise.set_value(found ? *found : std::vector<Delivery>()); });
    return promise.get_future().get();
}
std::int64_t forget(Store& store, WallTime before) {
    std::promise<std::int64_t> promise;
    store.forget(before, [&](auto calls) { promise.set_value(calls ? *calls : -1); });
    return promise.get_future().get();
}
std::unique_ptr<Store> open_with_webhooks(const std::string& path) {
    Options options;
    options.path = path;
    options.webhooks = {"crm", "mail"};
    return open_store(std::move(options));
}

TEST(StoredDelivery, ComesWithTheEndOfACallOnceForEachWebhook) {
    const Folder folder;
    const auto store = open_with_webhooks(folder / "parley.db");
    store->on_entry(started("CA1"));
    EXPECT_TRUE(due(*store, at(1'000'000)).empty());
    store->on_entry(ended("CA1"));
    store->on_entry(ended("CA1"));  // written twice, as after a crash
    EXPECT_TRUE(due(*store, at(60'000)).empty()) << "the agent may still have a word to say";
    const auto all = due(*store, at(66'000));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_NE(all[0].id, all[1].id);
    EXPECT_EQ(all[0].call_sid, "CA1");
    EXPECT_EQ(due(*store, at(66'000))[0].body, all[0].body);
}

TEST(StoredDelivery, IsDueWithTheAgentsLastWord) {
    const Folder folder;
    const auto store = open_with_webhooks(folder / "parley.db");
    store->on_entry(started("CA1"));
    store->on_entry(ended("CA1"));
    store->on_entry({"CA1", at(60'100), journal::Summary{{{"mood", "good"}}}});
    const auto all = due(*store, at(60'200));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_THAT(all[0].body, testing::HasSubstr(R"("summary":{"mood":"good"})"));
}

TEST(StoredDelivery, IsThereForACallWhoseProcessDied) {
    const Folder folder;
    {
        const auto store = open_with_webhooks(folder / "parley.db");
        store->on_entry(started("CA1"));
    }
    const auto store = open_with_webhooks(folder / "parley.db");
    const auto all = due(*store, at(1'000'000));
    ASSERT_EQ(all.size(), 2u);
    EXPECT_THAT(all[0].body, testing::HasSubstr("process_died"));
}

TEST(StoredDelivery, ThatIsSettledIsNotDueAgain) {
    const Folder folder;
    const auto store = open_with_webhooks(folder / "parley.db");
    store->on_entry(started("CA1"));
    store->on_entry(ended("CA1"));
    auto all = due(*store, at(66'000));
    ASSERT_EQ(all.size(), 2u);
    all[0].state = Delivery::State::delivered;
    all[1].attempts = 3;
    all[1].next_try_at_ms = unix_ms(at(100'000));
    all[1].problem = "refused";
    for (const auto& each : all) {
        std::promise<void> done;
        store->settle_delivery(each, [&](auto problem) {
            EXPECT_FALSE(problem);
            done.set_value();
        });
        done.get_future().wait();
    }
    EXPECT_TRUE(due(*store, at(99'999)).empty());
    const auto later = due(*store, at(100'000));
    ASSERT_EQ(later.size(), 1u);
    EXPECT_EQ(later[0].attempts, 3);
    EXPECT_EQ(later[0].problem, "refused");
}

TEST(Forgetting, TakesCallsThatEndedLongAgoWithAllThatIsTheirs) {
    const Folder folder;
    const auto store = open_with_webhooks(folder / "parley.db");
    for (const char* sid : {"CA1", "CA2"}) {
        store->on_entry(started(sid));
        store->on_entry(said(sid, "Hello?"));
    }
    store->on_entry(ended("CA1", 60'000));
    EXPECT_EQ(forget(*store, at(60'000)), 0);
    EXPECT_EQ(forget(*store, at(60'001)), 1);
    EXPECT_EQ(forget(*store, at(999'000)), 0) << "the other call still runs";
    const auto reader = Reader::open(folder / "parley.db").value();
    EXPECT_FALSE(reader->call("CA1"));
    EXPECT_TRUE(reader->conversation("CA1").empty());
    EXPECT_EQ(reader->conversation("CA2").size(), 2u);
    EXPECT_EQ(reader->deliveries(10, true).size(), 2u) << "what waits to be told is kept";
    EXPECT_EQ(rows(*store, "SELECT count(*) AS n FROM transcript"), R"([{"n":1}])");
}

TEST(History, TellsACallInItsOrderAsEntries) {
    const Folder folder;
    const auto store = open_store(folder / "parley.db");
    store->on_entry(started("CA1"));
    store->on_entry({"CA1", at(5'000), journal::ProviderReady{350}});
    store->on_entry(said("CA1", "Hello?", 1'000));
    std::promise<std::vector<journal::Entry>> promise;
    store->conversation("CA1", [&](auto entries) { promise.set_value(std::move(entries)); });
    const auto entries = promise.get_future().get();
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(std::get<journal::CallerSaid>(entries[1].event).text, "Hello?");
    EXPECT_EQ(std::get<journal::ProviderReady>(entries[2].event).ready_ms, 350);
    EXPECT_EQ(entries[2].at, at(5'000));
}

TEST(History, AddsUpCostsByNumber) {
    const Folder folder;
    const auto store = open_store(folder / "parley.db");
    store->on_entry(started("CA1"));
    journal::UsageCounted usage{"r1", {}};
    usage.usage.cost_usd = 0.25;
    for (const std::int64_t ms : {1'000, 2'000}) store->on_entry({"CA1", at(ms), usage});
    std::promise<std::vector<NumberCost>> promise;
    store->costs_since(at(1'500), [&](auto costs) { promise.set_value(std::move(costs)); });
    const auto costs = promise.get_future().get();
    ASSERT_EQ(costs.size(), 1u);
    EXPECT_EQ(costs[0].number, "+15550100001");
    EXPECT_EQ(costs[0].cost_usd, 0.25);
}

}  // namespace
}  // namespace parley::store::test
