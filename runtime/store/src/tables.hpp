// tables.hpp: the runtime's own tables and their versions.
//
// The version is SQLite's user_version. A new version is a new entry at the end of the list in
// tables.cpp; entries are never changed once released.
#pragma once

#include "database.hpp"

#include <parley/core/result.hpp>

namespace parley::store {

// True for the tables that only the runtime writes; any case.
bool is_runtime_table(std::string_view name);

// True for those of them that scripts may not even read.
bool is_private_table(std::string_view name);

int newest_version();

// Brings the tables to the newest version, all or nothing. Fault when a newer Parley wrote the
// file.
Checked<void> make_tables(Database& database, const std::string& path);

}  // namespace parley::store
