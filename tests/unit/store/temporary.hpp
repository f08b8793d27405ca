// temporary.hpp: what the store's tests share: a folder of their own, entries, waiting for a
// condition.
#pragma once

#include "../../eventually.hpp"
#include "../../folder.hpp"

#include <parley/store/store.hpp>

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>

namespace parley::store::test {

using namespace std::chrono_literals;
namespace journal = call::journal;

// 2026-11-20T18:52:00Z and so many milliseconds.
inline WallTime at(std::int64_t ms) { return WallTime(milliseconds(1'795'200'720'000 + ms)); }

inline journal::Entry started(std::string sid, std::int64_t ms = 0) {
    return {std::move(sid), at(ms),
            journal::CallStarted{"+15550100001", "+15550100002", "sarah", "twilio"}};
}
inline journal::Entry said(std::string sid, std::string text, std::int64_t ms = 1'000) {
    return {std::move(sid), at(ms), journal::CallerSaid{"item_1", std::move(text)}};
}
inline journal::Entry ended(std::string sid, std::int64_t ms = 60'000) {
    return {std::move(sid), at(ms), journal::CallEnded{"no_booking", "caller_hung_up", ms}};
}

inline std::unique_ptr<Store> open_store(Options options) {
    auto opened = Store::open(std::move(options));
    EXPECT_TRUE(opened) << opened.error().text();
    return opened ? std::move(*opened) : nullptr;
}
inline std::unique_ptr<Store> open_store(const std::string& path) {
    Options options;
    options.path = path;
    return open_store(std::move(options));
}
inline Fault open_fault(Options options) {
    auto opened = Store::open(std::move(options));
    EXPECT_FALSE(opened) << "the store opened";
    return opened ? Fault{} : opened.error();
}

inline QueryResult ask(Store& store, std::string sql, json::array parameters = {}) {
    std::promise<QueryResult> promise;
    store.query({std::move(sql), std::move(parameters)},
                [&](QueryResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
}
inline TransactionResult ask_all(Store& store, std::vector<Statement> statements) {
    std::promise<TransactionResult> promise;
    store.transaction(std::move(statements),
                      [&](TransactionResult result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
}
// The answer to a query that must work, as JSON.
inline std::string rows(Store& store, std::string sql, json::array parameters = {}) {
    const auto result = ask(store, std::move(sql), std::move(parameters));
    return result ? json::serialize(result->rows) : "problem: " + result.error().message;
}

// A connection of somebody else: an operator's sqlite3 shell.
class Shell {
 public:
    explicit Shell(const std::string& path) {
        sqlite3_open(path.c_str(), &handle_);
        sqlite3_busy_timeout(handle_, 10'000);
    }
    ~Shell() { sqlite3_close(handle_); }
    int run(const char* sql) { return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); }
    std::string value(const char* sql) {
        sqlite3_stmt* statement = nullptr;
        std::string found = "error";
        if (sqlite3_prepare_v2(handle_, sql, -1, &statement, nullptr) == SQLITE_OK &&
            sqlite3_step(statement) == SQLITE_ROW) {
            const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
            found = text == nullptr ? "NULL" : text;
        }
        sqlite3_finalize(statement);
        return found;
    }

 private:
    sqlite3* handle_ = nullptr;
};

}  // namespace parley::store::test
