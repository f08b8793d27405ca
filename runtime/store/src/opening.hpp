// opening.hpp: everything that happens to the file before the store's thread starts.
//
// In order: folder, file, tables, entries an earlier run could not save, calls an earlier run left
// open when it died, the scripts' migrations.
#pragma once

#include "database.hpp"
#include "gate.hpp"
#include "journal_writer.hpp"
#include "sole_writer.hpp"

#include <parley/store/migrations.hpp>
#include <parley/store/store.hpp>

#include <optional>
#include <span>

namespace parley::store {

// What the store's thread works with. Members in the order they are built.
struct Opened {
    SoleWriter sole_writer;
    Gate gate;  // outlives the connection
    Database database;
    JournalWriter writer;
    AppliedMigrations migrations;  // as of open_database()
};

Checked<void> open_database(const Options& options, Opened& into);

// Writes the entries in one transaction. On failure nothing of them is written, and `failed_at` is
// the index of the entry that failed, or entries.size() when the transaction itself did.
struct BatchFailure {
    SqlFailure why;
    std::size_t failed_at = 0;
};
std::optional<BatchFailure> write_batch(Database& database, JournalWriter& writer,
                                        std::span<const call::journal::Entry> entries);

}  // namespace parley::store
