#include "opening.hpp"

#include "migrations.hpp"
#include "tables.hpp"
#include "unsaved.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/log.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace parley::store {
namespace {

namespace fs = std::filesystem;
using namespace call::journal;

// of one text or blob: a script must not fill the memory with one
constexpr int value_bytes_max = 16 * 1024 * 1024;
constexpr int sql_bytes_max = 1024 * 1024;

bool is_in_memory(const std::string& path) { return path == ":memory:"; }

Fault database_fault(const std::string& path, const SqlFailure& why) {
    return {path,
            why.primary() == SQLITE_NOTADB || why.primary() == SQLITE_CORRUPT
                ? "is not a SQLite database, or is damaged: " + why.message
                : "cannot be opened: " + why.message,
            remedy_for(why.code, path)};
}

std::optional<Fault> make_folder(const std::string& path) {
    const fs::path folder = fs::path(path).parent_path();
    std::error_code error;
    if (folder.empty() || fs::is_directory(folder, error)) return std::nullopt;
    fs::create_directories(folder, error);
    if (error) {
        return Fault{folder.string(),
                     "the folder of the database cannot be made: " + error.message(),
                     "make it, or name another database (DATABASE_PATH)"};
    }
    // What callers say is not for every user of the machine.
    fs::permissions(folder, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec,
                    error);
    return std::nullopt;
}

std::optional<Fault> set_up(Database& database, const Options& options) {
    database.set_busy_timeout(options.busy_timeout);
    const std::string pages = fmt::format("PRAGMA max_page_count = {}", options.pages_max);
    for (const char* sql : {
             // readers do not block the writer, nor the writer readers
             "PRAGMA journal_mode = WAL",
             // a commit survives the process; a power cut may cost the last ones
             "PRAGMA synchronous = NORMAL",
             "PRAGMA foreign_keys = ON",
             "PRAGMA journal_size_limit = 67108864",  // a WAL that once grew long is cut back
             options.pages_max > 0 ? pages.c_str() : "",
         }) {
        if (const auto why = database.run(sql)) return database_fault(options.path, why);
    }
    if (const auto mode = database.value("PRAGMA journal_mode");
        mode != "wal" && !is_in_memory(options.path)) {
        return Fault{
            options.path,
            "its file system does not allow SQLite's WAL mode (it is in mode " + mode + ")",
            "put the database on a local disk"};
    }
    sqlite3_db_config(database.get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_limit(database.get(), SQLITE_LIMIT_LENGTH, value_bytes_max);
    sqlite3_limit(database.get(), SQLITE_LIMIT_SQL_LENGTH, sql_bytes_max);
    return std::nullopt;
}

Checked<void> take_in_unsaved(const std::string& path, Opened& opened) {
    const std::string file = unsaved_path(path);
    auto loaded = load_unsaved(file);
    if (!loaded) return loaded.error();
    if (!*loaded) return {};
    auto& unsaved = **loaded;
    const std::string_view sha256 = unsaved.sha256;

    auto known = opened.database.prepare("SELECT 1 FROM unsaved_imports WHERE sha256 = ?", 0);
    auto record =
        opened.database.prepare("INSERT INTO unsaved_imports(sha256, at_ms) VALUES (?, ?)", 0);
    if (!known || !record) return database_fault(path, opened.database.failure());
    known.bind(1, sha256);
    const bool is_known = known.step() == SQLITE_ROW;
    known.reset();
    if (!is_known) {
        auto why = opened.database.run("BEGIN IMMEDIATE");
        for (const auto& entry : unsaved.entries) {
            if (!why) why = opened.writer.write(entry);
        }
        if (!why && record.run(sha256, unix_ms(std::chrono::system_clock::now())) != SQLITE_OK)
            why = opened.database.failure();
        if (!why) why = opened.database.run("COMMIT");
        if (why) {
            opened.database.roll_back();
            return database_fault(path, why);
        }
        log::info("store.unsaved_taken_in", {{"file", file}, {"entries", unsaved.entries.size()}});
    }
    std::error_code error;
    if (unsaved.lines_unreadable > 0) {
        fs::rename(file, file + ".bad", error);
        log::error("store.unsaved_unreadable",
                   {{"file", file + ".bad"}, {"lines", unsaved.lines_unreadable}});
    } else {
        fs::remove(file, error);
    }
    if (error)
        log::warn("store.unsaved_not_removed",
                  {{"file", file}, {"why", error.message()}, {"remedy", "remove it"}});
    return {};
}

// A call that has no end and whose process is gone gets one, at the time of its last sign of life.
Checked<void> end_dead_calls(const std::string& path, Opened& opened) {
    std::vector<Entry> endings;
    {
        auto running = opened.database.prepare(
            "SELECT call_sid, started_at_ms, max(started_at_ms, coalesce((SELECT max(at_ms) FROM journal WHERE "
            "journal.call_sid = calls.call_sid), 0)) FROM calls WHERE ended_at_ms IS NULL",
            0);
        if (!running) return database_fault(path, opened.database.failure());
        while (running.step() == SQLITE_ROW) {
            const std::int64_t started = running.integer(1);
            const std::int64_t last = running.integer(2);
            endings.push_back({running.text(0), WallTime(milliseconds(last)),
                               CallEnded{"error", "process_died", last - started}});
        }
    }
    if (endings.empty()) return {};
    if (const auto failed = write_batch(opened.database, opened.writer, endings))
        return database_fault(path, failed->why);
    for (const auto& ending : endings) {
        log::warn("store.call_had_died",
                  {{"call", ending.call_sid}, {"what", "the process ended in mid-call"}});
    }
    return {};
}

}  // namespace

std::optional<BatchFailure> write_batch(Database& database, JournalWriter& writer,
                                        std::span<const Entry> entries) {
    std::size_t at = entries.size();
    auto why = database.run("BEGIN IMMEDIATE");
    for (std::size_t i = 0; i < entries.size() && !why; ++i) {
        why = writer.write(entries[i]);
        if (why) at = i;
    }
    if (!why) why = database.run("COMMIT");
    if (!why) return std::nullopt;
    database.roll_back();
    return BatchFailure{std::move(why), at};
}

Checked<void> open_database(const Options& options, Opened& into) {
    if (!is_in_memory(options.path)) {
        if (auto fault = make_folder(options.path)) return std::move(*fault);
        auto taken = SoleWriter::take(options.path);
        if (!taken) return taken.error();
        into.sole_writer = std::move(*taken);
    }
    // One thread at a time has the connection, so SQLite's own mutex is not needed.
    if (const auto why = into.database.open(
            options.path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)) {
        return database_fault(options.path, why);
    }
    if (auto fault = set_up(into.database, options)) return std::move(*fault);
    if (auto made = make_tables(into.database, options.path); !made) return made;
    if (const auto why = into.writer.prepare(into.database, options.webhooks))
        return database_fault(options.path, why);
    if (into.sole_writer.is_sole() && !is_in_memory(options.path)) {
        if (auto taken = take_in_unsaved(options.path, into); !taken) return taken;
        if (auto ended = end_dead_calls(options.path, into); !ended) return ended;
    }
    into.gate.guard(into.database);
    if (!options.migrations_dir.empty()) {
        const auto texts = read_migrations(options.migrations_dir);
        if (!texts) return texts.error();
        auto applied = apply_migrations(into.database, into.gate, *texts, options.migrations_dir);
        if (!applied) return applied.error();
        into.migrations = std::move(*applied);
    }
    into.sole_writer.share();
    return {};
}

}  // namespace parley::store
