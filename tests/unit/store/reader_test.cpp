#include "temporary.hpp"

namespace parley::store {
namespace {

using namespace test;

TEST(Reader, SaysWhatToDoWhenThereIsNoDatabase) {
    Folder folder;
    const auto reader = Reader::open(folder / "parley.db");

    ASSERT_FALSE(reader);
    EXPECT_EQ(reader.error().where, folder / "parley.db");
    EXPECT_NE(reader.error().remedy.find("parley serve"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "parley.db"));
}

TEST(Reader, RefusesWhatIsNotParleys) {
    Folder folder;
    folder.write("text.db", std::string(5'000, 'x'));
    folder.write("empty.db", "");
    Shell(folder / "other.db").run("CREATE TABLE birds (name)");

    for (const char* name : {"text.db", "empty.db", "other.db", ""}) {
        const auto reader = Reader::open(folder / name);
        ASSERT_FALSE(reader) << name;
        EXPECT_FALSE(reader.error().what.empty());
    }
}

TEST(Reader, ListsCallsNewestFirstWhileAServiceWrites) {
    Folder folder;
    const auto store = open_store(folder / "parley.db");
    store->on_entry(started("CA1", 0));
    store->on_entry(ended("CA1", 30'000));
    store->on_entry(started("CA2", 10'000));
    ASSERT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    auto reader = Reader::open(folder / "parley.db");
    ASSERT_TRUE(reader) << reader.error().text();

    const auto calls = (*reader)->calls(10);
    ASSERT_EQ(calls.size(), 2U);
    EXPECT_EQ(calls[0].call_sid, "CA2");
    EXPECT_EQ(calls[0].outcome, "");
    EXPECT_EQ(calls[1].duration_ms, 30'000);
    EXPECT_EQ((*reader)->calls(1).size(), 1U);
    EXPECT_FALSE((*reader)->call("CA3"));

    store->on_entry(ended("CA2"));
    EXPECT_TRUE(eventually([&] { return (*reader)->call("CA2")->outcome == "no_booking"; }));
}

TEST(Reader, GivesTheJournalAfterAnIdAndTheConversationByTime) {
    Folder folder;
    {
        const auto store = open_store(folder / "parley.db");
        store->on_entry(started("CA1", 0));
        store->on_entry({"CA1", at(4'000), journal::ToolStarted{"c1", "lookup", "{}"}});
        store->on_entry(said("CA1", "Hello", 3'000));  // its text came late
        store->on_entry(started("CA2", 0));
    }
    auto opened = Reader::open(folder / "parley.db");  // closed cleanly: there is no WAL
    ASSERT_TRUE(opened) << opened.error().text();
    auto& reader = **opened;

    EXPECT_EQ(reader.newest_id(), 4);
    EXPECT_EQ(reader.journal("", 0, 100).size(), 4U);
    EXPECT_EQ(reader.journal("", 2, 100).size(), 2U);
    EXPECT_EQ(reader.journal("CA1", 0, 2).size(), 2U);
    EXPECT_EQ(
        json::serialize(reader.journal("CA1", 2, 100)),
        R"([{"id":3,"call_sid":"CA1","at_ms":1795200723000,"type":"caller_said","item_id":"item_1","text":"Hello"}])");
    const auto conversation = reader.conversation("CA1");
    ASSERT_EQ(conversation.size(), 3U);
    EXPECT_EQ(conversation[1].at("type").as_string(), "caller_said");
    EXPECT_EQ(conversation[2].at("type").as_string(), "tool_started");
}

TEST(Reader, FindsCallsByTheBeginningOfTheirSid) {
    Folder folder;
    {
        const auto store = open_store(folder / "parley.db");
        store->on_entry(started("CAab1", 0));
        store->on_entry(started("CAab2", 1));
        store->on_entry(started("CA%", 2));
    }
    auto reader = std::move(*Reader::open(folder / "parley.db"));

    EXPECT_EQ(reader->sids_beginning("CAab", 10), (std::vector<std::string>{"CAab2", "CAab1"}));
    EXPECT_EQ(reader->sids_beginning("CA%", 10), (std::vector<std::string>{"CA%"}));
    EXPECT_TRUE(reader->sids_beginning("x", 10).empty());
}

TEST(Reader, WritesNothing) {
    Folder folder;
    { open_store(folder / "parley.db"); }
    const auto before = std::filesystem::last_write_time(folder / "parley.db");
    { std::move(*Reader::open(folder / "parley.db"))->calls(1); }

    EXPECT_EQ(std::filesystem::last_write_time(folder / "parley.db"), before);
}

}  // namespace
}  // namespace parley::store
