#include "../../eventually.hpp"
#include "support.hpp"

#include <parley/net/server.hpp>
#include <parley/ops/archive.hpp>
#include <parley/ops/dashboard.hpp>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>

#include <unistd.h>

namespace parley::ops::test {
namespace {

namespace fs = std::filesystem;
namespace journal = call::journal;

const WallTime begin{std::chrono::seconds(1'790'000'000)};

class TheArchive : public testing::Test {
 protected:
    TheArchive()
        : folder(fs::temp_directory_path() / ("parley-archive-" + std::to_string(getpid()))) {
        setenv("TZ", "UTC", 1);  // whose day it is
        tzset();
        fs::remove_all(folder);  // of an earlier process that had this number and was killed
        fs::create_directories(folder);
        database = std::move(store::Store::open({.path = path(), .migrations_dir = {}}).value());
    }
    ~TheArchive() override {
        database->close();
        fs::remove_all(folder);
    }
    std::string path() const { return folder / "parley.db"; }
    void tell(const std::string& call_sid, milliseconds after, journal::Event event) {
        ++told_;
        database->on_entry({call_sid, begin + after, std::move(event)});
    }
    // A call of a minute that begins `at`.
    void call(const std::string& call_sid, std::chrono::seconds at, bool is_booked = false) {
        tell(call_sid, at, journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"});
        tell(call_sid, at + 1s, journal::CallerSaid{"u1", "Tuesday, please"});
        if (is_booked) {
            tell(call_sid, at + 2s,
                 journal::ToolStarted{
                     "t1", "book_appointment",
                     R"({"customer_name":"Maria Lopez","date":"2026-12-01","time":"10:00 AM"})"});
            tell(call_sid, at + 3s,
                 journal::ToolReturned{"t1", "book_appointment", true,
                                       R"({"confirmation_number":"APT-12345"})", 18});
        }
        tell(call_sid, at + 4s,
             journal::AgentSaid{"a1", "We have nine", "or ten.", 900, 2'000, true});
        tell(call_sid, at + 5s, journal::TurnLatency{400, 450});
        tell(call_sid, at + 60s,
             journal::CallEnded{is_booked ? "appointment_booked" : "no_booking", "caller_hung_up",
                                60'000});
        tell(call_sid, at + 61s, journal::Summary{{{"satisfied", true}}});
    }
    // Everything told is in the file: the store writes it in batches.
    void flush() {
        EXPECT_TRUE(eventually([&] { return written() == told_; }));
    }
    std::int64_t written() {
        std::promise<std::int64_t> count;
        database->run({"SELECT count(*) AS n FROM journal", {}}, [&](const auto& result) {
            count.set_value(
                result ? json_read::integer(result->rows.at(0).as_object(), "n").value_or(-1) : -1);
        });
        return count.get_future().get();
    }
    std::unique_ptr<store::Reader> reader() {
        flush();
        return std::move(store::Reader::open(path()).value());
    }
    void run_sql(const std::string& sql) {
        std::promise<void> done;
        database->run({sql, {}}, [&](const store::QueryResult& result) {
            EXPECT_TRUE(result) << result.error().message;
            done.set_value();
        });
        done.get_future().wait();
    }
    static std::vector<std::string> sids(const json::array& calls) {
        std::vector<std::string> all;
        for (const auto& each : calls) all.push_back(json_read::text(each.as_object(), "callSid"));
        return all;
    }

    fs::path folder;
    std::unique_ptr<store::Store> database;
    std::int64_t told_ = 0;
};

TEST_F(TheArchive, HasPastCallsNewestFirstWithWhatCameOfThem) {
    call("CA1", 0s, true);
    call("CA2", 100s);
    tell("CA3", 200s, journal::CallStarted{"+1", "+2", "sarah", "twilio"});
    const auto from = reader();
    const auto all = read_history(*from, {});
    EXPECT_THAT(sids(all), testing::ElementsAre("CA2", "CA1")) << "CA3 still runs";
    EXPECT_EQ(json::value(all[1]), json::parse(R"({
        "callSid":"CA1","phoneNumber":"+15550100001","customerName":"Maria Lopez",
        "startTime":"2026-09-21T14:13:20.000Z","endTime":"2026-09-21T14:14:20.000Z","duration":60,
        "outcome":"appointment_booked","confirmationNumber":"APT-12345",
        "appointmentDetails":{"date":"2026-12-01","time":"10:00 AM"},
        "to":"+15550100002","agent":"sarah","channel":"twilio","result":"appointment_booked",
        "reason":"caller_hung_up","turns":2,"costUsd":0E0,"hasRecording":false})"));
    EXPECT_EQ(json_read::text(all[0].as_object(), "outcome"), "user_hangup");
}

TEST_F(TheArchive, IsSearchedByWordsOutcomeAndTime) {
    call("CA1", 0s, true);
    for (int i = 2; i <= 9; ++i) call("CA" + std::to_string(i), std::chrono::seconds(100 * i));
    const auto from = reader();
    const auto found = [&](HistoryQuery query) { return sids(read_history(*from, query)); };
    EXPECT_THAT(found({.text = "maria LOPEZ"}), testing::ElementsAre("CA1"));
    EXPECT_THAT(found({.text = "apt-12345"}), testing::ElementsAre("CA1"));
    EXPECT_THAT(found({.text = "tuesday", .limit = 2}), testing::ElementsAre("CA9", "CA8"));
    EXPECT_THAT(found({.text = "%"}), testing::IsEmpty()) << "no pattern, but text";
    EXPECT_THAT(found({.text = "' OR 1=1 --"}), testing::IsEmpty());
    EXPECT_THAT(found({.outcome = "appointment_booked"}), testing::ElementsAre("CA1"));
    const auto before = unix_ms(begin + 300s);
    EXPECT_THAT(found({.before_ms = before}), testing::ElementsAre("CA2", "CA1"));
    const auto recorded = read_history(
        *from, {.limit = 1, .has_recording = [](std::string_view sid) { return sid == "CA9"; }});
    EXPECT_EQ(recorded.at(0).as_object().at("hasRecording"), true);
}

TEST_F(TheArchive, HasEverythingOfOneCall) {
    call("CA1", 0s, true);
    tell("CA1", 6s, journal::Note{"prefers mornings", {{"day", "Tuesday"}}});
    tell("CA1", 7s, journal::ProviderLost{"reset"});
    tell("CA1", 8s, journal::TransferStarted{"+15550102001", false});
    const auto from = reader();
    const auto found = read_call(*from, "CA1");
    ASSERT_TRUE(found);
    const auto& happening = found->at("happenings").as_array().at(0).as_object();
    EXPECT_EQ(json_read::text(happening, "what"), "transfer_started");
    EXPECT_EQ(json_read::text(happening, "detail"), "+15550102001");
    EXPECT_EQ(found->at("summary"), json::parse(R"({"satisfied":true})"));
    EXPECT_EQ(found->at("transcript").as_array().size(), 4U);
    const auto& tool = found->at("tools").as_array().at(0).as_object();
    EXPECT_EQ(tool.at("durationMs"), 18);
    EXPECT_THAT(json_read::text(tool, "result"), HasSubstr("APT-12345"));
    EXPECT_EQ(found->at("latency").as_array().at(0).as_object().at("lineMs"), 50);
    EXPECT_EQ(json_read::text(found->at("notes").as_array().at(0).as_object(), "text"),
              "prefers mornings");
    EXPECT_EQ(json_read::text(found->at("problems").as_array().at(0).as_object(), "what"),
              "provider_lost");
    EXPECT_FALSE(read_call(*from, "CA2"));

    const auto transcript = read_transcript(*from, "CA1");
    ASSERT_TRUE(transcript);
    std::vector<std::string> roles;
    for (const auto& each : *transcript) roles.push_back(json_read::text(each.as_object(), "role"));
    EXPECT_THAT(roles,
                testing::ElementsAre("user", "function_call", "function_result", "assistant"));
    EXPECT_FALSE(read_transcript(*from, "CA2"));
}

TEST_F(TheArchive, CountsTheLastCallsAndToday) {
    call("CA1", 0s, true);
    call("CA2", 100s);
    auto stats = read_stats(*reader(), begin);
    EXPECT_EQ(stats.at("totalCalls"), 2);
    EXPECT_EQ(stats.at("successRate"), 50);
    EXPECT_EQ(stats.at("avgDuration"), 60);
    EXPECT_EQ(stats.at("todayBookings"), 0) << "these scripts book nothing";
    EXPECT_EQ(stats.at("callsToday"), 2);
    EXPECT_TRUE(read_appointments(*reader(), 20).empty());
    run_sql(
        "CREATE TABLE appointments (id INTEGER PRIMARY KEY, customer_name TEXT, appointment_date TEXT, status TEXT)");
    run_sql(
        "INSERT INTO appointments(customer_name, appointment_date, status) VALUES ('Maria', '2026-09-21', 'confirmed')");
    EXPECT_EQ(read_stats(*reader(), begin).at("todayBookings"), 1);
    EXPECT_EQ(
        read_appointments(*reader(), 20),
        json::parse(
            R"([{"id":1,"customer_name":"Maria","appointment_date":"2026-09-21","status":"confirmed"}])")
            .as_array());
}

TEST_F(TheArchive, TellsTheBoardOfThePast) {
    call("CA1", 0s, true);
    call("CA2", 100s);
    Board board;
    board.remember(read_past(*reader()));
    EXPECT_THAT(sids(board.history(10)), testing::ElementsAre("CA2", "CA1"));
    const auto metrics = board.metrics();
    EXPECT_EQ(metrics.at("turnLatency").as_object().at("count"), 2);
    EXPECT_EQ(metrics.at("tools").as_array().size(), 1U);
    EXPECT_EQ(metrics.at("counters"), json::value({{"totalCalls", 2}, {"appointmentsBooked", 1}}));
}

TEST_F(TheArchive, KnowsWhetherSomethingWasWritten) {
    const auto from = reader();
    Changes changes;
    EXPECT_TRUE(changes.have_come(*from));
    EXPECT_FALSE(changes.have_come(*from));
    call("CA1", 0s);
    flush();
    EXPECT_TRUE(changes.have_come(*from));
}

class Everyone final : public Guard {
 public:
    std::variant<Who, net::Response> admit(const net::Request&, Access) override {
        return Who{"someone", Access::admin, {}};
    }
};

TEST_F(TheArchive, AnswersTheDashboard) {
    call("CA1", 0s, true);
    flush();
    const auto archive = std::move(Archive::open(path()).value());
    Live live;
    std::vector<std::pair<std::string, std::string>> ended;
    std::vector<call::TransferAsked> transferred;
    Dashboard dashboard({.live = live,
                         .archive = archive.get(),
                         .end_call =
                             [&](const std::string& sid, std::string words) {
                                 if (sid != "CA1") return false;
                                 ended.emplace_back(sid, std::move(words));
                                 return true;
                             },
                         .transfer = [&](const std::string& sid, call::TransferAsked asked)
                             -> std::optional<Dashboard::Refused> {
                             if (sid != "CA1") return Dashboard::Refused{404, "none"};
                             if (asked.transfer.to == "+1900")
                                 return Dashboard::Refused{403, "not this number", "another"};
                             transferred.push_back(std::move(asked));
                             return std::nullopt;
                         },
                         .has_recording = [](std::string_view) { return true; }});
    Everyone guard;
    Routes routes(guard);
    dashboard.add_to(routes);
    // On a thread of its own: the archive answers to it.
    net::IoThreads threads(1);
    threads.start();
    const auto ask = [&](net::Request asked) {
        return asio::co_spawn(threads.context(0), routes.answer(std::move(asked)), asio::use_future)
            .get();
    };
    const auto get = [&](const std::string& path) { return ask(request("GET", path)); };
    EXPECT_EQ(
        json::parse(get("/dashboard/api/calls/history?limit=5&q=lopez").body).as_array().size(),
        1U);
    EXPECT_EQ(get("/dashboard/api/calls/history?before=yesterday").status, 400);
    EXPECT_EQ(get("/dashboard/api/calls/active").body, "[]");
    EXPECT_EQ(json::parse(get("/dashboard/api/calls/CA1").body).as_object().at("recording"),
              "/dashboard/api/calls/CA1/recording");
    EXPECT_EQ(get("/dashboard/api/calls/CA2").status, 404);
    EXPECT_EQ(json::parse(get("/dashboard/api/transcripts/CA1").body).as_array().size(), 4U);
    EXPECT_EQ(get("/dashboard/api/transcripts/CA2").status, 404);
    EXPECT_EQ(get("/dashboard/api/transcripts/CA1/stream").status, 404) << "it is over";
    EXPECT_EQ(json::parse(get("/dashboard/api/calls/stats").body).as_object().at("activeCalls"), 0);

    const auto end = [&](const std::string& sid, const std::string& body) {
        auto asked = request("POST", "/api/calls/" + sid + "/end");
        asked.headers.set("Content-Type", "application/json");
        asked.body = body;
        return ask(std::move(asked)).status;
    };
    EXPECT_EQ(end("CA1", R"({"say":"Goodbye."})"), 202);
    EXPECT_EQ(end("CA1", R"({"at_once":true})"), 202);
    EXPECT_THAT(ended,
                testing::ElementsAre(testing::Pair("CA1", "Goodbye."), testing::Pair("CA1", "")));
    EXPECT_EQ(end("CA2", R"({"at_once":true})"), 404);
    for (const std::string bad : {"{}", R"({"say":"x","at_once":true})", "[]", R"({"say":7})"})
        EXPECT_EQ(end("CA1", bad), 400) << bad;
    EXPECT_EQ(end("CA1", R"({"say":")" + std::string(501, 'x') + "\"}"), 400);

    const auto transfer = [&](const std::string& sid, const std::string& body) {
        auto asked = request("POST", "/dashboard/api/calls/" + sid + "/transfer");
        asked.headers.set("Content-Type", "application/json");
        asked.body = body;
        const auto answer = ask(std::move(asked));
        return std::to_string(answer.status) + " " + answer.body;
    };
    EXPECT_THAT(transfer("CA1", R"({"to":"+15550102001","words":"One moment."})"),
                testing::StartsWith("202 "));
    ASSERT_EQ(transferred.size(), 1U);
    EXPECT_EQ(transferred[0].transfer.to, "+15550102001");
    EXPECT_EQ(transferred[0].words, "One moment.");
    EXPECT_EQ(transferred[0].transfer.briefing, "");
    EXPECT_EQ(transfer("CA1", R"({"to":"+1900"})"),
              R"(403 {"error":"not this number","details":"another"})");
    EXPECT_THAT(transfer("CA2", R"({"to":"+15550102001"})"), testing::StartsWith("404 "));
    for (const std::string bad : {"{}", "[]", R"({"to":7})"})
        EXPECT_THAT(transfer("CA1", bad), testing::StartsWith("400 ")) << bad;
    EXPECT_THAT(
        transfer("CA1", R"({"to":"+15550102001","words":")" + std::string(501, 'x') + "\"}"),
        testing::StartsWith("400 "));
    threads.stop();
}

TEST(Iso8601, IsReadAsItIsWritten) {
    EXPECT_EQ(parse_iso8601(iso8601(begin + 120ms)), unix_ms(begin + 120ms));
    EXPECT_EQ(parse_iso8601("2026-09-21T14:13:20Z"), unix_ms(begin));
    for (const char* bad : {"", "yesterday", "2026-09-21", "2026-09-21T14:13:20",
                            "2026-09-21T14:13:20.Z", "2026-09-21T14:13:20Zx"})
        EXPECT_FALSE(parse_iso8601(bad)) << bad;
}

}  // namespace
}  // namespace parley::ops::test
