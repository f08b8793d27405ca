// What a kill -9 in mid-call leaves behind.
#include "temporary.hpp"

#include <sys/wait.h>

#include <csignal>

namespace parley::store {
namespace {

using namespace test;

// Runs `work` with a store on `path` in a process of its own, which then waits to be killed.
template <class Work>
pid_t in_child(const std::string& path, Work work) {
    const pid_t child = fork();
    if (child != 0) return child;
    auto store = Store::open({.path = path, .migrations_dir = {}});
    if (!store) _exit(1);
    work(**store);
    while (true) pause();
}

void kill_hard(pid_t child) {
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child had ended before: " << status;
}

std::unique_ptr<Reader> open_reader(const std::string& path) {
    auto reader = Reader::open(path);
    return reader ? std::move(*reader) : nullptr;
}

TEST(StoreKilled, KeepsWhatWasSaidAndEndsTheCallAtTheNextStart) {
    Folder folder;
    const std::string path = folder / "parley.db";
    const pid_t child = in_child(path, [](Store& store) {
        store.on_entry(started("CA1"));
        store.on_entry(said("CA1", "Do you have ten o'clock?", 5'000));
    });
    ASSERT_TRUE(eventually([&] {
        const auto reader = open_reader(path);
        return reader && reader->conversation("CA1").size() == 2;
    }));
    kill_hard(child);

    {
        const auto reader = open_reader(path);  // before anybody has repaired anything
        ASSERT_TRUE(reader);
        EXPECT_EQ(reader->call("CA1")->outcome, "");
        EXPECT_EQ(reader->call("CA1")->turns, 1);
    }
    { open_store(path); }

    const auto reader = open_reader(path);
    ASSERT_TRUE(reader);
    const auto call = reader->call("CA1").value();
    EXPECT_EQ(call.outcome, "error");
    EXPECT_EQ(call.reason, "process_died");
    EXPECT_EQ(call.ended_at_ms, unix_ms(at(5'000)));
    EXPECT_EQ(call.duration_ms, 5'000);
    const auto rows = reader->conversation("CA1");
    ASSERT_EQ(rows.size(), 3U);
    EXPECT_EQ(rows[1].at("text").as_string(), "Do you have ten o'clock?");
    EXPECT_EQ(rows[2].at("type").as_string(), "call_ended");
    EXPECT_EQ(rows[2].at("reason").as_string(), "process_died");
}

TEST(StoreKilled, LeavesNothingHalfWrittenAndNoGap) {
    Folder folder;
    const std::string path = folder / "parley.db";
    const pid_t child = in_child(path, [](Store& store) {
        store.on_entry(started("CA1"));
        for (std::int64_t i = 0;; ++i) {
            while (store.health().entries_queued > 5'000) std::this_thread::yield();
            store.on_entry(said("CA1", std::to_string(i), i));
        }
    });
    ASSERT_TRUE(eventually([&] {
        const auto reader = open_reader(path);
        return reader && reader->newest_id() > 10'000;
    }));
    kill_hard(child);

    Shell shell(path);
    EXPECT_EQ(shell.value("PRAGMA integrity_check"), "ok");
    EXPECT_EQ(
        shell.value(
            "SELECT (SELECT count(*) FROM transcript) - (SELECT count(*) FROM journal WHERE type = 'caller_said')"),
        "0");
    EXPECT_EQ(shell.value("SELECT turns - (SELECT count(*) FROM transcript) FROM calls"), "0");
    EXPECT_EQ(shell.value("SELECT max(CAST(text AS INTEGER)) + 1 - count(*) FROM transcript"), "0");
}

TEST(StoreKilled, DoesNotEndCallsOfAProcessThatStillRuns) {
    Folder folder;
    const auto first = open_store(folder / "parley.db");
    first->on_entry(started("CA1"));
    ASSERT_TRUE(eventually([&] { return first->health().entries_queued == 0; }));

    { open_store(folder / "parley.db"); }

    EXPECT_EQ(Shell(folder / "parley.db").value("SELECT ended_at_ms FROM calls"), "NULL");
}

}  // namespace
}  // namespace parley::store
