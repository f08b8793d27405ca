// store.hpp: SQLite in WAL mode on its own thread.
//
// Everything is asked for by posting to the store's thread; nothing here blocks the caller. Journal
// entries are written in batches, at most `flush_every` apart, so a kill -9 loses no turn finished
// a second before. When the disk is full or the file is locked, entries wait in a bounded queue and
// are tried again; the call goes on, the operator sees `store.write_failed` in the log and health()
// says why.
//
// Owner:  app. One process at a time should write; others read through Reader.
// Thread: every member may be used from any thread.
// End:    close() writes what is queued, checkpoints and joins the thread. What cannot be written even then
//         goes to `<path>.unsaved.jsonl`, which the next open() takes in.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/json.hpp>
#include <parley/core/metrics.hpp>
#include <parley/core/result.hpp>
#include <parley/store/migrations.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::store {

struct Options {
    std::string path = "data/parley.db";  // ":memory:" for tests; folders are made
    // *.sql of the scripts, run once each in order of name; empty: none
    std::string migrations_dir = {};
    std::chrono::milliseconds flush_every{200};
    std::chrono::milliseconds busy_timeout{2'000};
    // of a script's statement or transaction; then it is interrupted
    std::chrono::milliseconds query_time_max{2'000};
    std::size_t entries_queued_max = 20'000;  // beyond it new entries are dropped and counted
    std::size_t queries_queued_max = 1'000;   // beyond it a query is refused as busy
    std::size_t rows_max = 1'000;             // of a script's query
    // the file may grow to this many pages of 4 KiB; 0: as the disk allows
    std::int64_t pages_max = 0;
    // who is to be told of each call's end: their names in the settings
    std::vector<std::string> webhooks = {};
    metrics::Histogram* write_seconds = nullptr;  // of transactions of entries; outlives the store
};

struct CallRow {
    // outcome "" while the call runs
    std::string call_sid, from, to, agent, channel, outcome, reason;
    std::int64_t started_at_ms = 0, ended_at_ms = 0;  // ended: 0 while the call runs
    double cost_usd = 0;
    int turns = 0;                 // finished utterances, the caller's and the agent's
    std::int64_t duration_ms = 0;  // 0 while the call runs
};

// A failed statement, as a script or a person may be told.
struct QueryProblem {
    // constraint: the data do not allow it. busy: locked, closing, or the disk fails: later it may
    // work. timeout: query_time_max. full: the disk. mistake: the statement is wrong, `message`
    // says how to write it.
    enum class Kind { constraint, busy, timeout, full, mistake } kind = Kind::mistake;
    std::string message;  // "UNIQUE constraint failed: appointments.date, appointments.time"
};
// Rows as objects in the order of the columns (of two columns with one name the later counts); text
// is valid UTF-8, blobs are base64. `changes` and `last_id` of writes; last_id is 0 unless a row
// was inserted.
struct QueryAnswer {
    json::array rows;
    std::int64_t changes = 0;
    std::int64_t last_id = 0;
};
[[noreturn]] void throw_exception_from_error(const QueryProblem& problem,
                                             const boost::source_location&);
using QueryResult = boost::system::result<QueryAnswer, QueryProblem>;
using TransactionResult = boost::system::result<std::vector<QueryAnswer>, QueryProblem>;

struct Statement {
    std::string sql;  // one statement; parameters as ? or ?1
    // null, bool, number, string; or one object of these, for :name in the SQL
    json::array parameters;
};

// Values under names, with a lifetime: for scripts, shared by all calls. Values are JSON text.
struct KeyRequest {
    enum class Verb { get, set, set_if_absent, increment, remove } verb = Verb::get;
    std::string key;
    std::string value = {};                // of set and set_if_absent
    std::int64_t by = 1;                   // of increment: a missing key counts as 0
    std::chrono::seconds lifetime{3'600};  // increment gives it to a missing key only
};
struct KeyAnswer {
    std::optional<std::string> value = {};  // of get; of set_if_absent where there was one already
    bool did_change = false;
    std::int64_t number = 0;  // of increment
};
using KeyResult = boost::system::result<KeyAnswer, QueryProblem>;

// What a webhook has to be told, or was. Kept with the call's end, so that no crash loses it.
struct Delivery {
    enum class State { waiting, delivered, dead };
    std::string id;
    std::string webhook;
    std::string call_sid;
    std::int64_t created_at_ms = 0;
    std::int64_t next_try_at_ms = 0;
    int attempts = 0;
    State state = State::waiting;
    std::string problem = {};  // of the last attempt
    std::string body = {};     // JSON; the same in every attempt
};

// What one party's calls have cost; `number`: who called us, or was called.
struct NumberCost {
    std::string number;
    double cost_usd = 0;
};

class Store final : public call::journal::Subscriber {
 public:
    static Checked<std::unique_ptr<Store>> open(Options options);
    ~Store() override;
    void close();

    void on_entry(const call::journal::Entry& entry) override;

    // For scripts. The runtime's own tables are read-only to them; tables are made by migrations
    // only; ATTACH, PRAGMA, VACUUM and BEGIN are refused. A problem means that the statement wrote
    // nothing. `done` runs once, on the store's thread: post from there to where you belong.
    // Refused at once (too many waiting, or closed) it runs inside query().
    void query(Statement statement, std::function<void(QueryResult)> done);
    // All statements in one transaction; the first failure rolls all back. query_time_max is for
    // all together.
    void transaction(std::vector<Statement> statements,
                     std::function<void(TransactionResult)> done);
    // For the runtime's own rooms: one statement on the runtime's own tables, which are made in
    // tables.cpp. Never for SQL that comes from elsewhere. `done` as above.
    void run(Statement statement, std::function<void(QueryResult)> done);
    // Several in one transaction; the first failure rolls all back.
    void run_all(std::vector<Statement> statements, std::function<void(TransactionResult)> done);
    // Each is one step: nothing comes between reading and writing. `done` as above.
    void key(KeyRequest request, std::function<void(KeyResult)> done);

    // What has been applied of migrations_dir.
    AppliedMigrations migrations() const;
    // Applies what is new among `texts`, each file in a transaction of its own; queries wait
    // meanwhile. `done` as above.
    void migrate(MigrationTexts texts, std::function<void(Checked<void>)> done);

    // Everything of one call in the order it happened, what is still to be written included. `done`
    // as above; an empty list where there is none, or the database fails.
    void conversation(std::string call_sid,
                      std::function<void(std::vector<call::journal::Entry>)> done);
    // Costs counted since then, by number.
    void costs_since(WallTime since, std::function<void(std::vector<NumberCost>)> done);

    // At most `limit` deliveries that are due at `now`, their bodies made. A problem: try later.
    void due_deliveries(
        WallTime now, std::size_t limit,
        std::function<void(boost::system::result<std::vector<Delivery>, QueryProblem>)> done);
    // Keeps state, attempts, next_try_at_ms and problem of `delivery`.
    void settle_delivery(Delivery delivery, std::function<void(std::optional<QueryProblem>)> done);
    struct DeliveryCounts {
        std::int64_t waiting = 0, dead = 0;
        std::int64_t oldest_waiting_at_ms = 0;  // 0: none waits
    };
    void count_deliveries(std::function<void(DeliveryCounts)> done);

    // Deletes what is known of calls that ended before then, and of their deliveries unless they
    // wait. Some rows at a time; `done` gets the number of calls deleted, or the problem.
    void forget(WallTime before,
                std::function<void(boost::system::result<std::int64_t, QueryProblem>)> done);

    struct Health {
        bool is_well = true;
        std::string problem = {};  // why the last write failed, and what to do
        std::size_t entries_queued = 0;
        std::size_t queries_queued = 0;
        std::uint64_t entries_lost = 0;   // since open()
        std::uint64_t writes_failed = 0;  // likewise; the entries are tried again
    };
    Health health() const;

 private:
    struct Impl;
    explicit Store(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// A read-only look at a store that may be in use by a running service: for the command line and the
// dashboard.
// Thread: one at a time. A read that fails midway gives what it had and logs `store.read_failed`.
class Reader {
 public:
    static Checked<std::unique_ptr<Reader>> open(const std::string& path);
    ~Reader();
    std::vector<CallRow> calls(std::size_t limit);  // newest first
    std::optional<CallRow> call(std::string_view call_sid);
    // Journal entries of one call ("" = all calls) after a row id, in order: {"id", "call_sid",
    // "at_ms", "type", ...}.
    json::array journal(std::string_view call_sid, std::int64_t after_id, std::size_t limit);
    // Every entry of one call in the order it happened, which is not the order of writing: what was
    // said is stamped with the start of the speech. For transcript() in print.hpp.
    json::array conversation(std::string_view call_sid);
    // One statement of the runtime's own rooms, with parameters in order; rows as objects in the
    // order of the columns.
    json::array rows(std::string_view sql, const json::array& parameters);
    // The newest row id of the journal, 0 when empty: where a live view starts.
    std::int64_t newest_id();
    // Newest first; those delivered only where `with_delivered`.
    std::vector<Delivery> deliveries(std::size_t limit, bool with_delivered);
    // Calls whose sid starts with `beginning`, newest first: so that nobody has to type 34
    // characters.
    std::vector<std::string> sids_beginning(std::string_view beginning, std::size_t limit);

 private:
    struct Impl;
    explicit Reader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// "waiting", "delivered", "dead"
std::string_view name_of(Delivery::State state);

// For the command line: lets the delivery whose id begins so be tried at once, by the service that
// runs or the next one. Fault where there is none, or more than one.
Checked<Delivery> retry_delivery(const std::string& path, std::string_view id_beginning);

}  // namespace parley::store
