#include "migrations.hpp"

#include "tables.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <vector>

namespace parley::store {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds trial_max{2};  // of each file, on empty tables

std::size_t line_of(std::string_view text, std::size_t offset) {
    return 1 +
           static_cast<std::size_t>(std::count(
               text.begin(),
               text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size())), '\n'));
}

// Runs each statement of `sql`; on failure where it began to be wrong and why.
struct Wrong {
    std::size_t line;
    std::string message;
};
std::optional<Wrong> run_all(Database& database, Gate& gate, std::string_view sql,
                             TimePoint deadline = TimePoint::max()) {
    Gate::Pass pass(gate, Gate::Who::migration, deadline);
    std::size_t at = 0;
    while (at < sql.size()) {
        const auto wrong_at = [&](std::size_t offset) {
            auto why = gate.take_refusal();
            if (why.empty()) why = database.failure().message;
            return Wrong{line_of(sql, offset), std::move(why)};
        };
        const auto rest = sql.substr(at);
        sqlite3_stmt* raw = nullptr;
        const char* tail = nullptr;
        const int code = sqlite3_prepare_v3(database.get(), rest.data(),
                                            static_cast<int>(rest.size()), 0, &raw, &tail);
        Prepared statement(raw);
        if (code != SQLITE_OK) {
            const int token = sqlite3_error_offset(database.get());
            return wrong_at(at + (token > 0
                                      ? static_cast<std::size_t>(token)
                                      : std::min(rest.find_first_not_of(" \t\r\n"), rest.size())));
        }
        if (statement) {
            int stepped = SQLITE_ROW;
            while (stepped == SQLITE_ROW) stepped = statement.step();
            if (stepped != SQLITE_DONE)
                return wrong_at(at + std::min(rest.find_first_not_of(" \t\r\n"), rest.size()));
        }
        at += static_cast<std::size_t>(tail - rest.data());
    }
    return std::nullopt;
}

std::optional<std::string> read_file(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) return std::nullopt;
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (in.bad()) return std::nullopt;
    return text;
}

}  // namespace

Checked<MigrationTexts> read_migrations(const std::string& dir) {
    MigrationTexts texts;
    std::error_code error;
    for (fs::directory_iterator it(dir, error), end; !error && it != end; it.increment(error)) {
        if (it->path().extension() != ".sql") continue;
        auto sql = read_file(it->path());
        if (!sql) return Fault{it->path().string(), "cannot be read", "check its permissions"};
        texts.emplace(it->path().filename().string(), std::move(*sql));
    }
    if (error)
        return Fault{dir, "cannot read the migrations: " + error.message(),
                     "check the path and its permissions"};
    return {boost::system::in_place_value, std::move(texts)};
}

Checked<AppliedMigrations> apply_migrations(Database& database, Gate& gate,
                                            const MigrationTexts& texts, const std::string& dir) {
    AppliedMigrations applied;
    {
        auto known = database.prepare("SELECT name, sha256 FROM script_migrations", 0);
        if (!known)
            return Fault{dir, "cannot read script_migrations: " + database.failure().message};
        while (known.step() == SQLITE_ROW) applied.emplace(known.text(0), known.text(1));
    }
    auto record = database.prepare(
        "INSERT INTO script_migrations(name, sha256, applied_at_ms) VALUES (?, ?, ?)", 0);
    for (const auto& [name, sql] : texts) {
        const fs::path file = fs::path(dir) / name;
        const std::string sha256 = crypto::sha256_hex(sql);
        if (const auto before = applied.find(name); before != applied.end()) {
            if (before->second != sha256) return changed_migration(file.string());
            continue;
        }
        const auto failed = [&](std::string where, const std::string& why) {
            database.roll_back();
            return Fault{std::move(where), why,
                         "nothing of this file was applied; correct it and start again"};
        };
        if (const auto why = database.run("BEGIN IMMEDIATE"))
            return failed(file.string(), why.message);
        if (auto wrong = run_all(database, gate, sql))
            return failed(fmt::format("{}:{}", file.string(), wrong->line), wrong->message);
        if (record.run(std::string_view(name), std::string_view(sha256),
                       unix_ms(std::chrono::system_clock::now())) != SQLITE_OK) {
            return failed(file.string(), database.failure().message);
        }
        if (const auto why = database.run("COMMIT")) return failed(file.string(), why.message);
        log::info("store.migrated", {{"file", file.string()}});
        applied.emplace(name, sha256);
    }
    return {boost::system::in_place_value, std::move(applied)};
}

Fault changed_migration(std::string file) {
    return {std::move(file), "was changed after it had been applied",
            "restore it, and write a new migration instead"};
}

std::vector<Fault> try_migrations(const MigrationTexts& texts, const std::string& dir) {
    Gate gate;
    Database database;
    if (const auto why = database.open(
            ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX)) {
        return {{dir, "the migrations cannot be tried: " + why.message, ""}};
    }
    if (auto made = make_tables(database, ":memory:"); !made) return {made.error()};
    gate.guard(database);
    for (const auto& [name, sql] : texts) {
        const auto file = (fs::path(dir) / name).string();
        const auto wrong = run_all(database, gate, sql, Clock::now() + trial_max);
        // What follows may need the tables of this one: its faults would be none.
        if (wrong) return {{fmt::format("{}:{}", file, wrong->line), wrong->message, ""}};
    }
    return {};
}

}  // namespace parley::store
