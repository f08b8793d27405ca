// migrations.hpp: the scripts' own tables: each file of scripts/migrations/ once, in the order of names.
#pragma once

#include "database.hpp"
#include "gate.hpp"

#include <parley/core/result.hpp>

namespace parley::store {

// Fault naming the file when one fails (nothing of it is applied) or was changed after it had been applied.
Checked<void> apply_migrations(Database& database, Gate& gate, const std::string& dir);

}  // namespace parley::store
