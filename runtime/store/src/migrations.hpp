// migrations.hpp: the scripts' own tables: each file of scripts/migrations/ once, in the order of
// names.
#pragma once

#include "database.hpp"
#include "gate.hpp"

#include <parley/core/result.hpp>
#include <parley/store/migrations.hpp>

namespace parley::store {

// Fault naming the file when one fails (nothing of it is applied) or was changed after it had been
// applied. Otherwise what has been applied, now and before.
Checked<AppliedMigrations> apply_migrations(Database& database, Gate& gate,
                                            const MigrationTexts& texts, const std::string& dir);

}  // namespace parley::store
