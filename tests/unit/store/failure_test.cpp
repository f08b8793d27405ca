// What happens when the file cannot be opened, or stops taking writes in mid-call.
#include "temporary.hpp"

#include <sys/resource.h>

#include <csignal>

namespace parley::store {
namespace {

using namespace test;

TEST(StoreOpening, NamesAFolderThatCannotBeMade) {
    Options options;
    options.path = "/proc/parley/parley.db";
    const auto fault = open_fault(options);

    EXPECT_EQ(fault.where, "/proc/parley");
    EXPECT_NE(fault.what.find("cannot be made"), std::string::npos) << fault.text();
    EXPECT_NE(fault.remedy.find("DATABASE_PATH"), std::string::npos) << fault.text();
}

TEST(StoreOpening, NamesAFolderThatCannotBeWritten) {
    Options options;
    options.path = "/proc/parley.db";  // not even root makes files there
    const auto fault = open_fault(options);

    EXPECT_EQ(fault.where, "/proc/parley.db.lock");
    EXPECT_NE(fault.remedy.find("writable"), std::string::npos) << fault.text();
}

TEST(StoreOpening, NamesAPathThatIsAFolder) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    std::filesystem::create_directory(options.path);

    EXPECT_EQ(open_fault(options).where, options.path);
}

TEST(StoreOpening, RefusesAFileThatIsNoDatabase) {
    Folder folder;
    folder.write("parley.db", std::string(8'192, 'x'));
    Options options;
    options.path = folder / "parley.db";
    const auto fault = open_fault(options);

    EXPECT_NE(fault.what.find("not a SQLite database"), std::string::npos) << fault.text();
    EXPECT_NE(fault.remedy.find("backup"), std::string::npos) << fault.text();
}

TEST(StoreOpening, RefusesADamagedDatabase) {
    Folder folder;
    { open_store(folder / "parley.db"); }
    {
        std::fstream file(folder / "parley.db", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(100);  // after the header: the schema
        file << std::string(3'000, '\x5A');
    }
    Options options;
    options.path = folder / "parley.db";

    EXPECT_NE(open_fault(options).what.find("damaged"), std::string::npos);
}

TEST(StoreOpening, RefusesTablesOfANewerVersion) {
    Folder folder;
    { open_store(folder / "parley.db"); }
    Shell(folder / "parley.db").run("PRAGMA user_version = 99");
    Options options;
    options.path = folder / "parley.db";

    EXPECT_NE(open_fault(options).what.find("newer Parley"), std::string::npos);
}

TEST(StoreOpening, LeavesAForeignDatabaseAlone) {
    Folder folder;
    Shell(folder / "other.db").run("CREATE TABLE calls (x)");
    Options options;
    options.path = folder / "other.db";

    EXPECT_NE(open_fault(options).what.find("calls already exists"), std::string::npos);
    EXPECT_EQ(Shell(folder / "other.db").value("SELECT group_concat(name) FROM sqlite_schema"),
              "calls");
}

TEST(StoreFailing, KeepsEntriesWhileAnotherProgramHoldsTheFile) {
    Folder folder;
    metrics::Histogram write_seconds({1});
    Options options;
    options.path = folder / "parley.db";
    options.write_seconds = &write_seconds;
    const auto store = open_store(std::move(options));
    store->on_entry(started("CA1"));
    ASSERT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    EXPECT_EQ(write_seconds.cumulative_counts().back(), 1U);
    EXPECT_EQ(store->health().writes_failed, 0U);
    Shell shell(folder / "parley.db");
    ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);

    store->on_entry(said("CA1", "Hello?"));
    ASSERT_TRUE(eventually([&] { return !store->health().is_well; }));
    EXPECT_NE(store->health().problem.find("locked"), std::string::npos) << store->health().problem;
    EXPECT_NE(store->health().problem.find("another program"), std::string::npos)
        << store->health().problem;
    EXPECT_EQ(store->health().entries_queued, 1U);
    EXPECT_GT(store->health().writes_failed, 0U);
    EXPECT_EQ(shell.value("SELECT count(*) FROM transcript"), "0");

    ASSERT_EQ(shell.run("COMMIT"), SQLITE_OK);
    ASSERT_TRUE(eventually([&] { return store->health().is_well; }));
    EXPECT_EQ(store->health().entries_queued, 0U);
    EXPECT_EQ(store->health().entries_lost, 0U);
    EXPECT_EQ(shell.value("SELECT text FROM transcript"), "Hello?");
}

TEST(StoreFailing, StillAnswersReadsWhileWritesAreBlocked) {
    Folder folder;
    const auto store = open_store(folder / "parley.db");
    store->on_entry(started("CA1"));
    Shell shell(folder / "parley.db");
    ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);
    store->on_entry(said("CA1", "Hello?"));

    EXPECT_TRUE(ask(*store, "SELECT 1"));
    EXPECT_TRUE(ask(*store, "SELECT count(*) FROM calls"));
    shell.run("COMMIT");
}

TEST(StoreFailing, TellsAScriptThatTheDatabaseIsBusy) {
    Folder folder;
    folder.write("001.sql", "CREATE TABLE notes (text TEXT)");
    Options options;
    options.path = folder / "parley.db";
    options.migrations_dir = folder.path();
    options.busy_timeout = 20ms;
    const auto store = open_store(options);
    Shell shell(folder / "parley.db");
    ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);

    const auto result = ask(*store, "INSERT INTO notes VALUES (1)");

    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, QueryProblem::Kind::busy);
    shell.run("COMMIT");
}

// The database may grow to so many pages only: for SQLite the same as a full disk.
TEST(StoreFailing, KeepsEntriesWhileTheDiskIsFullAndHalfWritesNone) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    options.migrations_dir = folder / "migrations";
    options.pages_max = 120;
    std::filesystem::create_directory(folder / "migrations");
    folder.write("migrations/001.sql",
                 "CREATE TABLE filler (bytes BLOB); INSERT INTO filler VALUES (zeroblob(320000));");
    const auto store = open_store(options);

    store->on_entry(started("CA1"));
    constexpr int entries = 30;
    for (int i = 0; i < entries; ++i)
        store->on_entry(said("CA1", std::string(4'000, 'a'), 1'000 + i));
    ASSERT_TRUE(eventually([&] { return !store->health().is_well; }));
    EXPECT_NE(store->health().problem.find("full"), std::string::npos) << store->health().problem;
    EXPECT_NE(store->health().problem.find("free space"), std::string::npos)
        << store->health().problem;
    Shell shell(folder / "parley.db");
    EXPECT_EQ(
        shell.value(
            "SELECT (SELECT count(*) FROM transcript) = (SELECT count(*) FROM journal WHERE type = 'caller_said')"),
        "1");

    ASSERT_EQ(shell.run("DELETE FROM filler"), SQLITE_OK);  // the operator makes room
    ASSERT_TRUE(eventually([&] {
        return store->health().is_well && store->health().entries_queued == 0;
    })) << store->health().problem;
    EXPECT_EQ(shell.value("SELECT count(*) FROM transcript"), std::to_string(entries));
    EXPECT_EQ(shell.value("SELECT turns FROM calls"), std::to_string(entries));
    EXPECT_EQ(store->health().entries_lost, 0U);
}

TEST(StoreFailing, TellsAScriptThatTheDiskIsFull) {
    Folder folder;
    folder.write("001.sql", "CREATE TABLE notes (text)");
    Options options;
    options.path = folder / "parley.db";
    options.migrations_dir = folder.path();
    options.pages_max = 60;
    const auto store = open_store(options);

    const auto result = ask(*store, "INSERT INTO notes VALUES (zeroblob(1000000))");

    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, QueryProblem::Kind::full);
    EXPECT_EQ(rows(*store, "SELECT count(*) AS n FROM notes"), R"([{"n":0}])");
}

// The limit on the size of files makes write() itself fail, as a broken disk does.
TEST(StoreFailing, RecoversFromADiskThatRefusesWrites) {
    Folder folder;
    const auto store = open_store(folder / "parley.db");
    store->on_entry(started("CA1"));
    ASSERT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit normal{};
    getrlimit(RLIMIT_FSIZE, &normal);
    rlimit small = normal;
    small.rlim_cur = std::filesystem::file_size(folder / "parley.db-wal");
    setrlimit(RLIMIT_FSIZE, &small);

    store->on_entry(said("CA1", std::string(100'000, 'a')));
    EXPECT_TRUE(eventually([&] { return !store->health().is_well; }));
    setrlimit(RLIMIT_FSIZE, &normal);
    EXPECT_TRUE(eventually([&] {
        return store->health().is_well && store->health().entries_queued == 0;
    })) << store->health().problem;

    std::signal(SIGXFSZ, before);
    EXPECT_EQ(Shell(folder / "parley.db").value("SELECT length(text) FROM transcript"), "100000");
}

TEST(StoreFailing, DropsAndCountsNewEntriesBeyondTheQueue) {
    Folder folder;
    Options options;
    options.path = folder / "parley.db";
    options.entries_queued_max = 10;
    const auto store = open_store(options);
    Shell shell(folder / "parley.db");
    ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);

    for (int i = 0; i < 25; ++i) store->on_entry(said("CA1", std::to_string(i), i));
    EXPECT_EQ(store->health().entries_lost, 15U);
    EXPECT_EQ(store->health().entries_queued, 10U);

    shell.run("COMMIT");
    ASSERT_TRUE(eventually([&] { return store->health().entries_queued == 0; }));
    EXPECT_EQ(
        shell.value("SELECT group_concat(text) FROM (SELECT text FROM transcript ORDER BY id)"),
        "0,1,2,3,4,5,6,7,8,9");
}

TEST(StoreClosing, SavesWhatItCannotWriteForTheNextStart) {
    Folder folder;
    const std::string path = folder / "parley.db";
    Options options;
    options.path = path;
    options.busy_timeout = 10ms;
    {
        const auto store = open_store(options);
        Shell shell(path);
        ASSERT_EQ(shell.run("BEGIN EXCLUSIVE"), SQLITE_OK);
        call::Usage usage;
        usage.input_audio_tokens = 7;
        usage.cost_usd = 0.5;
        store->on_entry(started("CA1"));
        store->on_entry(said("CA1", "Ten is fine, thank you \"very\" much."));
        store->on_entry({"CA1", at(2'000),
                         journal::AgentSaid{"item_2", "See you", "on Tuesday.", 700, 1'500, true}});
        store->on_entry({"CA1", at(2'100), journal::Interrupted{"item_2", 700, 1'500}});
        store->on_entry({"CA1", at(2'200), journal::ToolStarted{"c1", "book", R"({"a":1})"}});
        store->on_entry({"CA1", at(2'300), journal::ToolReturned{"c1", "book", false, "no", 100}});
        store->on_entry({"CA1", at(2'400), journal::DtmfReceived{}});
        store->on_entry({"CA1", at(2'500), journal::TurnLatency{400, 420}});
        store->on_entry({"CA1", at(2'600), journal::UsageCounted{"resp_1", usage}});
        store->on_entry({"CA1", at(2'650), journal::ProviderReady{350}});
        store->on_entry({"CA1", at(2'700), journal::ProviderLost{"reset"}});
        store->on_entry({"CA1", at(2'800), journal::ProviderRestored{900, true}});
        store->on_entry({"CA1", at(2'900), journal::Problem{"what", "detail"}});
        store->on_entry({"CA1", at(2'910), journal::TransferStarted{"+15550102001", true}});
        store->on_entry({"CA1", at(2'920), journal::TransferEnded{"failed", "why", 10}});
        store->on_entry({"CA1", at(2'930), journal::HoldStarted{}});
        store->on_entry({"CA1", at(2'940), journal::HoldEnded{10}});
        store->on_entry({"CA1", at(2'950), journal::DigitsSent{3}});
        store->on_entry({"CA1", at(2'960), journal::RecordingStarted{"Recorded."}});
        store->on_entry({"CA1", at(2'970), journal::RecordingStopped{}});
        store->on_entry({"CA1", at(2'980), journal::MessageSent{"+15550100001", false, "no"}});
        store->on_entry(ended("CA1"));
        store->close();
        shell.run("COMMIT");
        EXPECT_EQ(shell.value("SELECT count(*) FROM journal"), "0");
        ASSERT_TRUE(std::filesystem::exists(path + ".unsaved.jsonl"));
    }

    { open_store(options); }

    EXPECT_FALSE(std::filesystem::exists(path + ".unsaved.jsonl"));
    Shell shell(path);
    EXPECT_EQ(
        shell.value("SELECT group_concat(type) FROM (SELECT type FROM journal ORDER BY id)"),
        "call_started,caller_said,agent_said,interrupted,tool_started,tool_returned,dtmf_received,turn_latency,usage_counted,"
        "provider_ready,provider_lost,provider_restored,problem,transfer_started,transfer_ended,hold_started,hold_ended,"
        "digits_sent,recording_started,recording_stopped,message_sent,call_ended");
    EXPECT_EQ(
        shell.value(
            "SELECT group_concat(data, ' ') FROM journal WHERE type IN ('transfer_started', 'transfer_ended', "
            "'hold_ended', 'digits_sent', 'recording_started', 'message_sent')"),
        R"({"to":"+15550102001","briefed":true} {"how":"failed","detail":"why","duration_ms":10} )"
        R"({"duration_ms":10} {"count":3} {"notice":"Recorded."} )"
        R"({"to":"+15550100001","ok":false,"detail":"no"})");
    EXPECT_EQ(shell.value("SELECT text FROM transcript WHERE speaker = 'caller'"),
              "Ten is fine, thank you \"very\" much.");
    EXPECT_EQ(
        shell.value(
            "SELECT text || '|' || unheard || '|' || heard_ms || '|' || received_ms || '|' || interrupted FROM transcript "
            "WHERE speaker = 'agent'"),
        "See you|on Tuesday.|700|1500|1");
    EXPECT_EQ(
        shell.value("SELECT name || arguments || output || ok || duration_ms FROM tool_calls"),
        R"(book{"a":1}no0100)");
    EXPECT_EQ(shell.value("SELECT outcome || turns || cost_usd FROM calls"), "no_booking20.5");
    EXPECT_EQ(shell.value("SELECT input_audio_tokens FROM usage"), "7");
    EXPECT_EQ(
        shell.value(
            "SELECT group_concat(data) FROM journal WHERE type IN ('turn_latency', 'provider_restored')"),
        R"({"model_ms":400,"first_audio_ms":420},{"gap_ms":900,"planned":true})");
}

TEST(StoreOpening, TakesUnsavedEntriesInOnlyOnce) {
    Folder folder;
    const std::string path = folder / "parley.db";
    const std::string line =
        R"({"type":"caller_said","at_ms":1795200720000,"call_sid":"CA1","fields":{"item_id":"i","text":"Hi."}})";
    folder.write("parley.db.unsaved.jsonl", line + "\n");
    { open_store(path); }
    // as if the process had died after the commit and before the removal
    folder.write("parley.db.unsaved.jsonl", line + "\n");
    { open_store(path); }

    EXPECT_FALSE(std::filesystem::exists(path + ".unsaved.jsonl"));
    EXPECT_EQ(Shell(path).value("SELECT count(*) FROM transcript"), "1");
}

TEST(StoreOpening, KeepsAsideUnsavedLinesItCannotRead) {
    Folder folder;
    const std::string path = folder / "parley.db";
    folder.write(
        "parley.db.unsaved.jsonl",
        R"({"type":"caller_said","at_ms":1,"call_sid":"CA1","fields":{"item_id":"i","text":"Hi."}})"
        "\n{\"type\":\"caller_sa");
    { open_store(path); }

    EXPECT_EQ(Shell(path).value("SELECT count(*) FROM transcript"), "1");
    EXPECT_FALSE(std::filesystem::exists(path + ".unsaved.jsonl"));
    EXPECT_TRUE(std::filesystem::exists(path + ".unsaved.jsonl.bad"));
}

TEST(StoreClosing, AnswersQueriesThatComeTooLate) {
    const auto store = open_store(":memory:");
    store->close();
    const auto result = ask(*store, "SELECT 1");

    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, QueryProblem::Kind::busy);
    store->on_entry(started("CA1"));
    EXPECT_EQ(store->health().entries_lost, 1U);
}

}  // namespace
}  // namespace parley::store
