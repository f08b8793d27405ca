#include <parley/store/store.hpp>

#include "deliveries.hpp"
#include "history.hpp"
#include "key_table.hpp"
#include "migrations.hpp"
#include "opening.hpp"
#include "retry.hpp"
#include "script_sql.hpp"
#include "unsaved.hpp"

#include <parley/core/log.hpp>

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <mutex>
#include <span>
#include <thread>

namespace parley::store {
namespace {

using call::journal::Entry;

// some 10 ms: what a script's query may wait behind
constexpr std::size_t entries_per_commit = 1'000;
// entries can wait, a script's query behind them should not
constexpr milliseconds journal_busy_timeout{100};
constexpr int close_tries = 3;
constexpr milliseconds close_first_delay{100};

}  // namespace

struct Store::Impl {
    using Job = std::function<void(Impl&)>;

    explicit Impl(Options wanted)
        : options(std::move(wanted)),
          scripts(opened.database, opened.gate,
                  {options.query_time_max, options.busy_timeout, options.rows_max}),
          rooms(opened.database, opened.gate,
                {options.query_time_max, options.busy_timeout, options.rows_max},
                Gate::Who::runtime),
          keys(opened.database, {.busy_timeout = options.busy_timeout}),
          deliveries(opened.database),
          history(opened.database) {}

    std::optional<QueryProblem> post(Job job);
    void run();
    void write_due(std::unique_lock<std::mutex>& lock, TimePoint now);
    void answer(Job job);
    bool write_some();
    void drop_refused(std::size_t at, const SqlFailure& why);
    void write_last();
    void report_lost(TimePoint now);

    Options options;
    Opened opened;                                    // the store's thread, once it runs
    ScriptSql scripts;                                // as `opened`
    ScriptSql rooms;                                  // as `opened`: of the runtime's rooms
    KeyTable keys;                                    // as `opened`
    Deliveries deliveries;                            // as `opened`
    History history;                                  // as `opened`
    Retry retry;                                      // as `opened`
    TimePoint broken_quiet_until = TimePoint::min();  // no line about failing queries before
    std::vector<Entry> batch;  // taken from `arrived`, being written; as `opened`
    std::size_t batch_at = 0;  // of it is written
    std::uint64_t lost_reported = 0;
    TimePoint lost_reported_at = TimePoint::min();

    mutable std::mutex mutex;  // for what follows
    std::condition_variable wake;
    std::vector<Entry> arrived;
    std::size_t batch_left = 0;  // batch.size() - batch_at
    TimePoint write_at = TimePoint::max();
    std::deque<Job> jobs;
    bool is_closing = false;
    Health health;
    AppliedMigrations migrations;

    std::once_flag closed;
    std::thread thread;
};

std::optional<QueryProblem> Store::Impl::post(Job job) {
    const std::lock_guard lock(mutex);
    if (is_closing)
        return QueryProblem{QueryProblem::Kind::busy, "the database is closed: parley is stopping"};
    if (jobs.size() >= options.queries_queued_max) {
        return QueryProblem{QueryProblem::Kind::busy,
                            fmt::format("{} queries are waiting already", jobs.size())};
    }
    jobs.push_back(std::move(job));
    wake.notify_one();
    return std::nullopt;
}

void Store::Impl::run() {
    pthread_setname_np(pthread_self(), "parley-store");
    std::unique_lock lock(mutex);
    while (true) {
        if (jobs.empty() && is_closing) break;
        const bool has_entries = batch_left > 0 || !arrived.empty();
        const auto now = Clock::now();
        // What is written together with a query is what came before it, so a script sees its own
        // call.
        TimePoint due = TimePoint::max();
        if (has_entries)
            due = retry.is_failing()                  ? retry.next_try()
                  : (batch_left > 0 || !jobs.empty()) ? now
                                                      : write_at;
        // A query that comes during a write waits for the next: entries that came just before it
        // are in that one.
        const bool has_job = !jobs.empty();
        if (due <= now) {
            write_due(lock, now);
        } else if (!has_job) {
            if (due == TimePoint::max()) {
                wake.wait(lock);
            } else {
                wake.wait_until(lock, due);
            }
            continue;
        }
        // One query between two writes: neither can keep the other waiting for long.
        if (has_job) {
            Job job = std::move(jobs.front());
            jobs.pop_front();
            lock.unlock();
            answer(std::move(job));
            lock.lock();
        }
    }
    lock.unlock();
    write_last();
}

void Store::Impl::write_due(std::unique_lock<std::mutex>& lock, TimePoint now) {
    if (batch_left == 0) {
        batch.clear();
        batch.swap(arrived);
        batch_at = 0;
        batch_left = batch.size();
        write_at = TimePoint::max();
    }
    lock.unlock();
    opened.database.set_busy_timeout(journal_busy_timeout);
    write_some();
    report_lost(now);
    lock.lock();
}

void Store::Impl::answer(Job job) {
    try {
        job(*this);
    } catch (const std::exception& error) {
        log::error("store.query_threw", {{"what", error.what()}});
    }
    auto broken = scripts.take_broken();
    if (!broken) broken = rooms.take_broken();
    if (!broken) return;
    const auto now = Clock::now();
    if (now < broken_quiet_until) return;
    broken_quiet_until = now + Retry::remind_every;
    log::error("store.query_failed",
               {{"what", broken.message}, {"remedy", remedy_for(broken.code, options.path)}});
}

// Writes at most one transaction's worth of the batch. False when it failed; then the entries stay.
bool Store::Impl::write_some() {
    const auto waiting = std::span<const Entry>(batch).subspan(batch_at);
    const auto some = waiting.first(std::min(waiting.size(), entries_per_commit));
    std::optional<BatchFailure> failed;
    const auto began = Clock::now();
    try {
        failed = write_batch(opened.database, opened.writer, some);
    } catch (const std::exception& error) {
        opened.database.roll_back();
        failed = BatchFailure{{SQLITE_NOMEM, error.what()}, some.size()};
    }
    if (options.write_seconds != nullptr)
        options.write_seconds->observe(std::chrono::duration<double>(Clock::now() - began).count());
    if (!failed) {
        batch_at += some.size();
        const auto lasted = retry.succeeded(Clock::now());
        {
            const std::lock_guard lock(mutex);
            batch_left -= some.size();
            health.is_well = true;
            health.problem.clear();
        }
        if (lasted.count() > 0)
            log::warn("store.recovered",
                      {{"after_ms", lasted.count()}, {"entries_waited", waiting.size()}});
        return true;
    }
    if (is_entrys_fault(failed->why.code) && failed->failed_at < some.size()) {
        drop_refused(failed->failed_at, failed->why);
        return true;
    }
    const bool is_worth_a_line = retry.failed(Clock::now());
    const std::string remedy = remedy_for(failed->why.code, options.path);
    std::size_t queued = 0;
    {
        const std::lock_guard lock(mutex);
        health.is_well = false;
        ++health.writes_failed;
        health.problem = failed->why.message + "; " + remedy;
        queued = batch_left + arrived.size();
    }
    if (is_worth_a_line) {
        log::error("store.write_failed", {{"path", options.path},
                                          {"what", failed->why.message},
                                          {"remedy", remedy},
                                          {"entries_waiting", queued},
                                          {"entries_waiting_max", options.entries_queued_max}});
    }
    return false;
}

// An entry that can never be written must not hold up all others.
void Store::Impl::drop_refused(std::size_t at, const SqlFailure& why) {
    const auto& entry = batch[batch_at + at];
    log::error("store.entry_refused", {{"call", entry.call_sid},
                                       {"type", call::journal::type_name(entry.event)},
                                       {"what", why.message}});
    batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(batch_at + at));
    const std::lock_guard lock(mutex);
    --batch_left;
    ++health.entries_lost;
}

void Store::Impl::report_lost(TimePoint now) {
    std::uint64_t lost = 0;
    {
        const std::lock_guard lock(mutex);
        lost = health.entries_lost;
    }
    if (lost == lost_reported) return;
    if (lost_reported_at != TimePoint::min() && now - lost_reported_at < Retry::remind_every)
        return;
    lost_reported_at = now;
    log::error("store.entries_lost",
               {{"entries", lost},
                {"since_last_line", lost - lost_reported},
                {"what", "more entries waited than entries_queued_max, or could not be written"}});
    lost_reported = lost;
}

void Store::Impl::write_last() {
    opened.database.set_busy_timeout(options.busy_timeout);
    auto delay = close_first_delay;
    std::unique_lock lock(mutex);
    for (int failures = 0; batch_left > 0 || !arrived.empty();) {
        if (batch_left == 0) {
            batch.clear();
            batch.swap(arrived);
            batch_at = 0;
            batch_left = batch.size();
        }
        lock.unlock();
        const bool wrote = write_some();
        lock.lock();
        if (wrote) continue;
        if (++failures == close_tries) break;
        wake.wait_for(lock, delay, [] { return false; });
        delay *= 2;
    }
    std::vector<Entry> left(
        std::make_move_iterator(batch.begin() + static_cast<std::ptrdiff_t>(batch_at)),
        std::make_move_iterator(batch.end()));
    left.insert(left.end(), std::make_move_iterator(arrived.begin()),
                std::make_move_iterator(arrived.end()));
    batch.clear();
    arrived.clear();
    batch_at = batch_left = 0;
    if (left.empty()) return;
    const std::string problem = health.problem;
    lock.unlock();

    const std::string file = unsaved_path(options.path);
    const auto why = options.path == ":memory:"
                         ? std::optional<std::string>("the store is in memory only")
                         : save_unsaved(file, left);
    if (!why) {
        log::error("store.unsaved", {{"entries", left.size()},
                                     {"file", file},
                                     {"what", problem},
                                     {"remedy", "the next start takes the file in"}});
        return;
    }
    log::error(
        "store.entries_lost",
        {{"entries", left.size()}, {"what", problem}, {"file", file}, {"file_problem", *why}});
    lock.lock();
    health.entries_lost += left.size();
}

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() { close(); }

Checked<std::unique_ptr<Store>> Store::open(Options options) {
    auto impl = std::make_unique<Impl>(std::move(options));
    if (auto opened = open_database(impl->options, impl->opened); !opened) return opened.error();
    impl->migrations = impl->opened.migrations;
    auto* running = impl.get();
    impl->thread = std::thread([running] { running->run(); });
    return std::unique_ptr<Store>(new Store(std::move(impl)));
}

void Store::close() {
    std::call_once(impl_->closed, [this] {
        {
            const std::lock_guard lock(impl_->mutex);
            impl_->is_closing = true;
            impl_->wake.notify_one();
        }
        impl_->thread.join();
        // The connection last: it checkpoints the WAL into the file.
        impl_->scripts.close();
        impl_->rooms.close();
        impl_->keys.close();
        impl_->opened.writer.close();
        impl_->opened.database.close();
    });
}

void Store::on_entry(const Entry& entry) {
    Entry kept = entry;
    const bool is_end = std::holds_alternative<call::journal::CallEnded>(entry.event);
    auto& store = *impl_;
    std::unique_lock lock(store.mutex);
    if (store.is_closing) {
        ++store.health.entries_lost;
        lock.unlock();
        log::error("store.entry_after_close",
                   {{"call", entry.call_sid}, {"type", call::journal::type_name(entry.event)}});
        return;
    }
    if (store.arrived.size() + store.batch_left >= store.options.entries_queued_max) {
        ++store.health.entries_lost;
        return;
    }
    const bool is_first = store.arrived.empty();
    store.arrived.push_back(std::move(kept));
    if (!is_first && !is_end) return;
    const auto now = Clock::now();
    if (is_first) store.write_at = now + store.options.flush_every;
    if (is_end) store.write_at = now;
    store.wake.notify_one();
}

void Store::query(Statement statement, std::function<void(QueryResult)> done) {
    auto refused = impl_->post([statement = std::move(statement), done](Impl& store) {
        done(store.scripts.query(statement));
    });
    if (refused) done(std::move(*refused));
}

void Store::transaction(std::vector<Statement> statements,
                        std::function<void(TransactionResult)> done) {
    auto refused = impl_->post([statements = std::move(statements), done](Impl& store) {
        done(store.scripts.transaction(statements));
    });
    if (refused) done(std::move(*refused));
}

void Store::run(Statement statement, std::function<void(QueryResult)> done) {
    auto refused = impl_->post([statement = std::move(statement), done](Impl& store) {
        done(store.rooms.query(statement));
    });
    if (refused) done(std::move(*refused));
}

void Store::run_all(std::vector<Statement> statements,
                    std::function<void(TransactionResult)> done) {
    auto refused = impl_->post([statements = std::move(statements), done](Impl& store) {
        done(store.rooms.transaction(statements));
    });
    if (refused) done(std::move(*refused));
}

void Store::key(KeyRequest request, std::function<void(KeyResult)> done) {
    auto refused = impl_->post([request = std::move(request), done](Impl& store) {
        done(store.keys.run(request, std::chrono::system_clock::now()));
    });
    if (refused) done(std::move(*refused));
}

void Store::conversation(std::string call_sid, std::function<void(std::vector<Entry>)> done) {
    auto refused = impl_->post([call_sid = std::move(call_sid), done](Impl& store) {
        done(store.history.conversation(call_sid));
    });
    if (refused) done({});
}

void Store::costs_since(WallTime since, std::function<void(std::vector<NumberCost>)> done) {
    auto refused =
        impl_->post([since, done](Impl& store) { done(store.history.costs_since(since)); });
    if (refused) done({});
}

void Store::due_deliveries(
    WallTime now, std::size_t limit,
    std::function<void(boost::system::result<std::vector<Delivery>, QueryProblem>)> done) {
    auto refused = impl_->post([now, limit, done](Impl& store) {
        store.opened.database.set_busy_timeout(store.options.busy_timeout);
        done(store.deliveries.due(now, limit));
    });
    if (refused) done(std::move(*refused));
}

void Store::settle_delivery(Delivery delivery,
                            std::function<void(std::optional<QueryProblem>)> done) {
    auto refused = impl_->post([delivery = std::move(delivery), done](Impl& store) {
        store.opened.database.set_busy_timeout(store.options.busy_timeout);
        done(store.deliveries.settle(delivery));
    });
    if (refused) done(std::move(refused));
}

void Store::count_deliveries(std::function<void(DeliveryCounts)> done) {
    auto refused = impl_->post([done](Impl& store) { done(store.deliveries.counts()); });
    if (refused) done({});
}

void Store::forget(WallTime before,
                   std::function<void(boost::system::result<std::int64_t, QueryProblem>)> done) {
    auto refused = impl_->post([before, done](Impl& store) {
        store.opened.database.set_busy_timeout(store.options.busy_timeout);
        done(store.history.forget(before));
    });
    if (refused) done(std::move(*refused));
}

AppliedMigrations Store::migrations() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->migrations;
}

void Store::migrate(MigrationTexts texts, std::function<void(Checked<void>)> done) {
    auto refused = impl_->post([texts = std::move(texts), done](Impl& store) {
        auto& opened = store.opened;
        opened.database.set_busy_timeout(store.options.busy_timeout);
        auto applied =
            apply_migrations(opened.database, opened.gate, texts, store.options.migrations_dir);
        if (!applied) return done(applied.error());
        {
            const std::lock_guard lock(store.mutex);
            store.migrations = std::move(*applied);
        }
        done({});
    });
    if (refused)
        done(Fault{impl_->options.migrations_dir,
                   "the migrations cannot be applied: " + refused->message, "try again"});
}

Store::Health Store::health() const {
    const std::lock_guard lock(impl_->mutex);
    auto health = impl_->health;
    health.entries_queued = impl_->arrived.size() + impl_->batch_left;
    health.queries_queued = impl_->jobs.size();
    return health;
}

}  // namespace parley::store
