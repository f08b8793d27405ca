// migrations.hpp: the scripts' own tables: each file of scripts/migrations/ once, in the order of
// names.
//
// Store::open() and Store::migrate() apply them. Here is what others may ask before that.
#pragma once

#include <parley/core/result.hpp>

#include <map>
#include <string>
#include <vector>

namespace parley::store {

// "001_appointments.sql" -> SHA-256 of its text
using AppliedMigrations = std::map<std::string, std::string>;
using MigrationTexts = std::map<std::string, std::string>;  // "001_appointments.sql" -> its text

// The *.sql files of the folder; a folder that does not exist is a Fault.
Checked<MigrationTexts> read_migrations(const std::string& dir);

// Runs them all in a database in memory: the first mistake, as "DIR/002_x.sql:3".
std::vector<Fault> try_migrations(const MigrationTexts& texts, const std::string& dir);

// The fault of a file that is not what it was when it was applied.
Fault changed_migration(std::string file);

}  // namespace parley::store
