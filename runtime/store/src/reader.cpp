#include <parley/store/store.hpp>

#include "database.hpp"
#include "deliveries.hpp"
#include "script_sql.hpp"
#include "tables.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/log.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace parley::store {
namespace {

constexpr milliseconds wait_for_lock{2'000};
constexpr std::string_view call_columns =
    "call_sid, from_number, to_number, agent, channel, outcome, reason, started_at_ms, coalesce(ended_at_ms, 0), cost_usd, turns, "
    "coalesce(duration_ms, 0)";

// For a file on a read-only medium: SQLite then looks for no WAL. The path as a URI.
std::string immutable_uri(const std::string& path) {
    std::string uri = "file:";
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#') {
            uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        } else {
            uri += c;
        }
    }
    return uri + "?immutable=1";
}

CallRow call_row(const Prepared& row) {
    CallRow call;
    call.call_sid = row.text(0);
    call.from = row.text(1);
    call.to = row.text(2);
    call.agent = row.text(3);
    call.channel = row.text(4);
    call.outcome = row.text(5);
    call.reason = row.text(6);
    call.started_at_ms = row.integer(7);
    call.ended_at_ms = row.integer(8);
    call.cost_usd = row.number(9);
    call.turns = static_cast<int>(row.integer(10));
    call.duration_ms = row.integer(11);
    return call;
}

json::object journal_row(const Prepared& row) {
    json::object entry{{"id", row.integer(0)},
                       {"call_sid", row.text(1)},
                       {"at_ms", row.integer(2)},
                       {"type", row.text(3)}};
    if (auto data = json_read::parse(row.text(4)); data && data->is_object()) {
        for (auto& field : data->get_object()) entry.emplace(field.key(), std::move(field.value()));
    }
    return entry;
}

std::int64_t as_limit(std::size_t limit) {
    return static_cast<std::int64_t>(std::min<std::size_t>(limit, INT64_MAX));
}

}  // namespace

struct Reader::Impl {
    std::string path;
    Database database;

    // Calls `take` for each row of `sql`.
    template <class Take, class... Values>
    void each(std::string_view sql, Take take, const Values&... values) {
        auto statement = database.prepare(sql, 0);
        int code = statement ? statement.bind_all(values...) : SQLITE_ERROR;
        if (code == SQLITE_OK) {
            while ((code = statement.step()) == SQLITE_ROW) take(statement);
        }
        if (code != SQLITE_DONE) report_failure();
    }

    void report_failure() const {
        const auto why = database.failure();
        log::error("store.read_failed",
                   {{"path", path}, {"what", why.message}, {"remedy", remedy_for(why.code, path)}});
    }
};

Reader::Reader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Reader::~Reader() = default;

Checked<std::unique_ptr<Reader>> Reader::open(const std::string& path) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
        return Fault{path, "there is no database yet",
                     "start `parley serve`, or name the database it uses (DATABASE_PATH)"};
    }
    auto impl = std::make_unique<Impl>();
    impl->path = path;
    auto& database = impl->database;
    auto why = database.open(path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
    std::string version;
    const auto probe = [&] {
        database.set_busy_timeout(wait_for_lock);
        version = database.value("PRAGMA user_version");
        why = version.empty() ? database.failure()
                              : database.run("SELECT 1 FROM sqlite_schema LIMIT 1");
    };
    if (!why) probe();
    if ((why.primary() == SQLITE_CANTOPEN || why.primary() == SQLITE_READONLY) &&
        !std::filesystem::exists(path + "-wal", error)) {
        why = database.open(immutable_uri(path),
                            SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI);
        if (!why) probe();
    }
    if (why.primary() == SQLITE_NOTADB || why.primary() == SQLITE_CORRUPT) {
        return Fault{path, "is not a SQLite database, or is damaged: " + why.message,
                     "name the database that `parley serve` uses (DATABASE_PATH)"};
    }
    if (why) return Fault{path, "cannot be read: " + why.message, remedy_for(why.code, path)};
    const int found = std::atoi(version.c_str());
    if (database.value(
            "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('calls', 'journal')") !=
        "2") {
        return Fault{path, "is a database, but not one of Parley's",
                     "name the database that `parley serve` uses (DATABASE_PATH)"};
    }
    if (found != newest_version()) {
        return Fault{path,
                     fmt::format("has tables of version {}, and this Parley knows version {}",
                                 found, newest_version()),
                     found > newest_version()
                         ? "use the newer Parley"
                         : "start `parley serve` once: it brings them up to date"};
    }
    return std::unique_ptr<Reader>(new Reader(std::move(impl)));
}

std::vector<CallRow> Reader::calls(std::size_t limit) {
    std::vector<CallRow> rows;
    impl_->each(
        fmt::format("SELECT {} FROM calls ORDER BY started_at_ms DESC, call_sid LIMIT ?",
                    call_columns),
        [&](const Prepared& row) { rows.push_back(call_row(row)); }, as_limit(limit));
    return rows;
}

std::optional<CallRow> Reader::call(std::string_view call_sid) {
    std::optional<CallRow> found;
    impl_->each(
        fmt::format("SELECT {} FROM calls WHERE call_sid = ?", call_columns),
        [&](const Prepared& row) { found = call_row(row); }, call_sid);
    return found;
}

json::array Reader::journal(std::string_view call_sid, std::int64_t after_id, std::size_t limit) {
    json::array rows;
    const auto take = [&](const Prepared& row) { rows.emplace_back(journal_row(row)); };
    if (call_sid.empty()) {
        impl_->each(
            "SELECT id, call_sid, at_ms, type, data FROM journal WHERE id > ? ORDER BY id LIMIT ?",
            take, after_id, as_limit(limit));
    } else {
        impl_->each(
            "SELECT id, call_sid, at_ms, type, data FROM journal WHERE call_sid = ? AND id > ? ORDER BY id LIMIT ?",
            take, call_sid, after_id, as_limit(limit));
    }
    return rows;
}

json::array Reader::conversation(std::string_view call_sid) {
    json::array rows;
    impl_->each(
        "SELECT id, call_sid, at_ms, type, data FROM journal WHERE call_sid = ? ORDER BY at_ms, id",
        [&](const Prepared& row) { rows.emplace_back(journal_row(row)); }, call_sid);
    return rows;
}

json::array Reader::rows(std::string_view sql, const json::array& parameters) {
    json::array rows;
    auto statement = impl_->database.prepare(sql, 0);
    int code = statement ? SQLITE_OK : SQLITE_ERROR;
    for (std::size_t i = 0; i < parameters.size() && code == SQLITE_OK; ++i) {
        const int index = static_cast<int>(i) + 1;
        const auto problem =
            ScriptSql::bind_value(statement, index, std::to_string(index), parameters[i]);
        ensure(!problem, "a parameter that SQLite knows");
    }
    std::size_t bytes = 0;
    while (code == SQLITE_OK && (code = statement.step()) == SQLITE_ROW) {
        json::object row;
        for (int i = 0; i < sqlite3_column_count(statement.get()); ++i)
            row[sqlite3_column_name(statement.get(), i)] = ScriptSql::column(statement, i, bytes);
        rows.push_back(std::move(row));
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE) impl_->report_failure();
    return rows;
}

std::int64_t Reader::newest_id() {
    std::int64_t id = 0;
    impl_->each("SELECT coalesce(max(id), 0) FROM journal",
                [&](const Prepared& row) { id = row.integer(0); });
    return id;
}

std::vector<Delivery> Reader::deliveries(std::size_t limit, bool with_delivered) {
    std::vector<Delivery> rows;
    impl_->each(
        fmt::format("SELECT {} FROM webhook_deliveries WHERE ?1 OR state <> 'delivered' "
                    "ORDER BY created_at_ms DESC, id LIMIT ?2",
                    delivery_columns),
        [&](const Prepared& row) { rows.push_back(delivery_row(row)); },
        std::int64_t{with_delivered ? 1 : 0}, as_limit(limit));
    return rows;
}

std::vector<std::string> Reader::sids_beginning(std::string_view beginning, std::size_t limit) {
    std::vector<std::string> sids;
    impl_->each(
        "SELECT call_sid FROM calls WHERE substr(call_sid, 1, length(?1)) = ?1 ORDER BY started_at_ms DESC LIMIT ?2",
        [&](const Prepared& row) { sids.push_back(row.text(0)); }, beginning, as_limit(limit));
    return sids;
}

}  // namespace parley::store
