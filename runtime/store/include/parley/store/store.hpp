// store.hpp: SQLite in WAL mode on its own thread.
//
// Everything is asked for by posting to the store's thread; nothing here blocks the caller. Journal entries
// are written in batches, at most `flush_every` apart, so a kill -9 loses no turn finished a second before.
// When the disk is full or the file is locked, entries wait in a bounded queue and are tried again; the call
// goes on, the operator sees `store.write_failed` in the log and health() says why.
//
// Owner:  app. End: close() writes what is queued, checkpoints and joins the thread.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/json.hpp>
#include <parley/core/result.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace parley::store {

struct Options {
    std::string path = "data/parley.db";        // ":memory:" for tests; folders are made
    std::string migrations_dir = {};            // *.sql of the scripts, run once each in order of name; empty: none
    std::chrono::milliseconds flush_every{200};
    std::chrono::milliseconds busy_timeout{2'000};
    std::chrono::milliseconds query_time_max{2'000};  // of a script's statement; then it is interrupted
    std::size_t entries_queued_max = 20'000;
    std::size_t rows_max = 1'000;               // of a script's query
};

struct CallRow {
    std::string call_sid, from, to, agent, channel, outcome, reason;  // outcome "" while the call runs
    std::int64_t started_at_ms = 0, ended_at_ms = 0;
    double cost_usd = 0;
    int turns = 0;
};

// A failed statement, as a script or a person may be told.
struct QueryProblem {
    enum class Kind { constraint, busy, timeout, full, mistake } kind = Kind::mistake;
    std::string message;   // "UNIQUE constraint failed: appointments.date, appointments.time"
};
// Rows as objects in the order of the columns; `changes` and `last_id` of writes.
struct QueryAnswer {
    json::array rows;
    std::int64_t changes = 0;
    std::int64_t last_id = 0;
};
[[noreturn]] void throw_exception_from_error(const QueryProblem& problem, const boost::source_location&);
using QueryResult = boost::system::result<QueryAnswer, QueryProblem>;

struct Statement {
    std::string sql;            // one statement; parameters as ? or ?1
    json::array parameters;     // null, bool, number, string
};

class Store final : public call::journal::Subscriber {
 public:
    static Checked<std::unique_ptr<Store>> open(Options options);
    ~Store() override;
    void close();

    void on_entry(const call::journal::Entry& entry) override;

    // For scripts. The runtime's own tables are read-only to them, and ATTACH, PRAGMA and VACUUM are refused.
    // `done` runs on the store's thread: post from there to where you belong.
    void query(Statement statement, std::function<void(QueryResult)> done);
    // All statements in one transaction; the first failure rolls all back.
    void transaction(std::vector<Statement> statements, std::function<void(boost::system::result<std::vector<QueryAnswer>, QueryProblem>)> done);

    struct Health { bool is_well = true; std::string problem; std::size_t entries_queued = 0; std::uint64_t entries_lost = 0; };
    Health health() const;

 private:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// For the command line: a read-only look at a store that may be in use by a running service.
class Reader {
 public:
    static Checked<std::unique_ptr<Reader>> open(const std::string& path);
    ~Reader();
    std::vector<CallRow> calls(std::size_t limit);                           // newest first
    std::optional<CallRow> call(std::string_view call_sid);
    // Journal entries of one call ("" = all calls) after a row id, in order: {"id", "call_sid", "at_ms", "type", ...}.
    json::array journal(std::string_view call_sid, std::int64_t after_id, std::size_t limit);

 private:
    struct Impl;
    explicit Reader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::store
