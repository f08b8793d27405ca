#include <parley/archive/retention.hpp>
#include <parley/archive/transcript.hpp>
#include <parley/archive/transcript_files.hpp>
#include <parley/core/clock.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>

#include <stdlib.h>

namespace parley::archive {
namespace {

namespace fs = std::filesystem;
using namespace call::journal;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

WallTime at(std::int64_t ms) { return WallTime(milliseconds(1'795'200'720'000 + ms)); }

template <class Condition>
bool eventually(Condition holds) {
    const auto deadline = Clock::now() + std::chrono::seconds(30);
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    while (!holds()) {
        if (Clock::now() > deadline) return false;
        never.wait_for(lock, milliseconds(2));
    }
    return true;
}

class TranscriptFilesTest : public testing::Test {
 protected:
    TranscriptFilesTest() {
        std::string name = (fs::temp_directory_path() / "parley-archive-XXXXXX").string();
        folder = mkdtemp(name.data());
    }
    ~TranscriptFilesTest() override {
        files.reset();
        std::error_code ignored;
        fs::permissions(dir(), fs::perms::owner_all, ignored);
        fs::remove_all(folder, ignored);
    }
    std::string dir() const { return folder + "/logs"; }
    std::string text(const std::string& name) const {
        std::ifstream file(dir() + "/" + name);
        std::ostringstream all;
        all << file.rdbuf();
        return all.str();
    }
    std::vector<std::string> names() const {
        std::vector<std::string> found;
        for (const auto& each : fs::directory_iterator(dir())) {
            if (each.is_regular_file()) found.push_back(each.path().filename().string());
        }
        return found;
    }
    bool has_unfinished() const { return !fs::is_empty(dir() + "/.unfinished"); }

    void open(std::size_t queued_max = 20'000) {
        auto opened = TranscriptFiles::open({.dir = dir(),
                                             .entries_queued_max = queued_max,
                                             .flush_every = milliseconds(1),
                                             .retry_every = milliseconds(5)},
                                            [this](const std::string& sid) {
                                                std::vector<Entry> own;
                                                const std::lock_guard lock(mutex);
                                                for (const auto& each : store)
                                                    if (each.call_sid == sid) own.push_back(each);
                                                return own;
                                            });
        ASSERT_TRUE(opened) << opened.error().text();
        files = std::move(*opened);
    }
    void write(Entry entry) {
        {
            const std::lock_guard lock(mutex);
            store.push_back(entry);
        }
        files->on_entry(entry);
    }
    void begin(const std::string& sid = "CA1") {
        write({sid, at(0), CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"}});
        write({sid, at(350), ProviderReady{350}});
        write({sid, at(900), AgentSaid{"a0", "Hello.", "", 500, 500, false}});
    }
    void end(const std::string& sid = "CA1") {
        write({sid, at(9'000), CallEnded{"no_booking", "caller_hung_up", 9'000}});
    }

    const std::string text_name = "2026-11-20T18-52-00.000Z-CA1.txt";
    const std::string json_name = "CA1_+15550100001_2026-11-20T18-52-00.000Z.json";
    std::string folder;
    std::mutex mutex;
    std::vector<Entry> store;
    std::unique_ptr<TranscriptFiles> files;
};

TEST_F(TranscriptFilesTest, AreWrittenAsTheCallGoesAndPutInOrderAtItsEnd) {
    open();
    begin();
    ASSERT_TRUE(
        eventually([&] { return text(text_name).find("assistant: Hello.") != std::string::npos; }));
    ASSERT_TRUE(
        eventually([&] { return text(json_name).find("\"Hello.\"") != std::string::npos; }));
    EXPECT_THAT(text(json_name), HasSubstr("\"complete\":false"));
    EXPECT_TRUE(has_unfinished());
    write({"CA1", at(5'000), AgentSaid{"a1", "Fine.", "", 500, 500, false}});
    write({"CA1", at(3'000), CallerSaid{"c1", "Tuesday."}});
    end();
    ASSERT_TRUE(eventually([&] { return !has_unfinished(); }));
    const auto whole = text(text_name);
    EXPECT_LT(whole.find("customer: Tuesday."), whole.find("assistant: Fine."));
    EXPECT_THAT(text(json_name), HasSubstr("\"complete\":true"));
    EXPECT_THAT(names(), UnorderedElementsAre(text_name, json_name));
    EXPECT_EQ(fs::status(dir() + "/" + text_name).permissions() & fs::perms::others_all,
              fs::perms::none);
}

TEST_F(TranscriptFilesTest, OfACrashedProcessAreCompletedFromTheStore) {
    open();
    begin();
    ASSERT_TRUE(
        eventually([&] { return text(json_name).find("\"Hello.\"") != std::string::npos; }));
    files.reset();  // the call never ends here
    EXPECT_TRUE(has_unfinished());
    store.erase(store.begin() + 2);  // and its last utterance never reached the store
    store.push_back({"CA1", at(4'000), CallerSaid{"c1", "Are you there?"}});
    store.push_back({"CA1", at(4'000), CallEnded{"error", "process_died", 4'000}});
    open();
    ASSERT_TRUE(eventually([&] { return !has_unfinished(); }));
    EXPECT_EQ(text(text_name),
              "[2026-11-20T18:52:00.000Z] system: Call connected (CA1).\n"
              "[2026-11-20T18:52:00.350Z] system: OpenAI realtime session established.\n"
              "[2026-11-20T18:52:00.900Z] assistant: Hello.\n"
              "[2026-11-20T18:52:04.000Z] customer: Are you there?\n"
              "[2026-11-20T18:52:04.000Z] system: Shutting down voice bridge (process-died).\n");
    EXPECT_THAT(text(json_name), HasSubstr("\"complete\":true"));
}

TEST_F(TranscriptFilesTest, FromBeforeAreForgottenWhereTheStoreDoesNotKnowThem) {
    fs::create_directories(dir() + "/.unfinished");
    std::ofstream(dir() + "/.unfinished/a.txt") << R"({"callSid":"CA9"})";
    std::ofstream(dir() + "/.unfinished/b.txt") << R"({"callS)";
    open();
    EXPECT_TRUE(eventually([&] { return !has_unfinished(); }));
}

TEST_F(TranscriptFilesTest, AreTriedAgainWhenTheDiskRefuses) {
    open();
    fs::create_directory(dir() + "/" + json_name);  // in the way of the file, also for root
    begin();
    ASSERT_TRUE(eventually([&] { return !files->health().is_well; }));
    EXPECT_THAT(files->health().problem, HasSubstr("free space on the disk of " + dir()));
    end();
    EXPECT_TRUE(has_unfinished());
    fs::remove(dir() + "/" + json_name);
    ASSERT_TRUE(eventually([&] { return !has_unfinished(); }));
    EXPECT_TRUE(eventually([&] { return files->health().is_well; }));
    EXPECT_THAT(text(text_name), HasSubstr("Shutting down"));
    EXPECT_THAT(text(json_name), HasSubstr("\"complete\":true"));
}

TEST_F(TranscriptFilesTest, AreMadeFromTheStoreWhereEntriesWereLeftOut) {
    open(0);
    begin();
    end();
    ASSERT_TRUE(
        eventually([&] { return text(json_name).find("\"complete\":true") != std::string::npos; }));
    EXPECT_THAT(text(text_name), HasSubstr("assistant: Hello."));
}

TEST_F(TranscriptFilesTest, CannotBeOpenedWhereAFileIsInTheWay) {
    std::ofstream(dir()) << "x";
    const auto opened =
        TranscriptFiles::open({.dir = dir()}, [](const auto&) { return std::vector<Entry>(); });
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().text(), HasSubstr("make it, or name another one (transcripts.dir)"));
    fs::remove(dir());
}

TEST_F(TranscriptFilesTest, AreDeletedAfterTheirDays) {
    fs::create_directories(dir());
    using days = std::chrono::days;
    const auto now = std::chrono::file_clock::now();
    const auto make = [&](const std::string& name, days age) {
        std::ofstream(dir() + "/" + name) << "x";
        fs::last_write_time(dir() + "/" + name, now - age);
    };
    make("old.txt", days(31));
    make("old.json", days(31));
    make("old.csv", days(31));
    make(".old.txt", days(31));
    make("new.txt", days(29));
    const KeptFiles kept{dir(), days(30), {".txt", ".json"}};
    EXPECT_THAT(expired_files(kept, now),
                UnorderedElementsAre(dir() + "/old.txt", dir() + "/old.json"));
    EXPECT_TRUE(expired_files({dir(), days(0), {".txt"}}, now).empty());
    EXPECT_TRUE(expired_files({folder + "/none", days(1), {".txt"}}, now).empty());
    std::atomic<int> forgotten = 0;
    {
        const Retention retention({.files = {kept},
                                   .journal_days = days(10),
                                   .forget = [&](WallTime) { return ++forgotten < 3; }});
        EXPECT_TRUE(eventually(
            [&] { return !fs::exists(dir() + "/old.txt") && !fs::exists(dir() + "/old.json"); }));
        EXPECT_TRUE(eventually([&] { return forgotten == 3; }));
    }
    EXPECT_THAT(names(), UnorderedElementsAre("old.csv", ".old.txt", "new.txt"));
}

}  // namespace
}  // namespace parley::archive
