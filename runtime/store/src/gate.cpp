#include "gate.hpp"

#include "tables.hpp"

#include <parley/core/text.hpp>

#include <utility>

namespace parley::store {
namespace {

// of SQLite's virtual machine; some 20 microseconds
constexpr int steps_between_looks_at_the_clock = 2'000;

constexpr std::string_view use_migrations =
    "tables are made and changed by files in scripts/migrations/, not while calls run";

// sqlite_sequence and the like. Not the schema itself: json_each() and full-text search "update" it
// when they declare themselves, SQLite refuses it to statements anyway, and CREATE and DROP are
// asked about by name.
bool is_internal(std::string_view table) {
    return lower(table).starts_with("sqlite_") && table != "sqlite_master" &&
           table != "sqlite_temp_master";
}

std::string own_table(std::string_view table) {
    return std::string(table) + " belongs to the runtime and is read-only to scripts";
}

}  // namespace

void Gate::guard(Database& database) {
    sqlite3_set_authorizer(database.get(), &Gate::authorize, this);
    sqlite3_progress_handler(database.get(), steps_between_looks_at_the_clock,
                             &Gate::interrupt_if_late, this);
}

std::string Gate::take_refusal() { return std::exchange(refusal_, {}); }

Gate::Pass::Pass(Gate& gate, Who who, std::chrono::steady_clock::time_point deadline)
    : gate_(gate) {
    gate_.who_ = who;
    gate_.deadline_ = deadline;
    gate_.refusal_.clear();
}

Gate::Pass::~Pass() {
    gate_.who_ = Who::runtime;
    gate_.deadline_ = std::chrono::steady_clock::time_point::max();
}

int Gate::authorize(void* self, int action, const char* first, const char* second, const char*,
                    const char*) {
    auto& gate = *static_cast<Gate*>(self);
    if (gate.who_ == Who::runtime) return SQLITE_OK;
    return gate.decide(action, first == nullptr ? "" : first, second == nullptr ? "" : second);
}

int Gate::interrupt_if_late(void* self) {
    const auto& gate = *static_cast<Gate*>(self);
    if (gate.deadline_ == std::chrono::steady_clock::time_point::max()) return 0;
    return std::chrono::steady_clock::now() >= gate.deadline_ ? 1 : 0;
}

int Gate::refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
    return SQLITE_DENY;
}

int Gate::decide(int action, std::string_view first, std::string_view second) {
    switch (action) {
        case SQLITE_SELECT:
        case SQLITE_RECURSIVE: return SQLITE_OK;
        case SQLITE_READ:
            return is_private_table(first) ? refuse(std::string(first) + " is not for scripts")
                                           : SQLITE_OK;
        case SQLITE_FUNCTION:
            if (lower(second) == "load_extension")
                return refuse("load_extension is not available to scripts");
            return SQLITE_OK;
        case SQLITE_INSERT:
        case SQLITE_UPDATE:
        case SQLITE_DELETE:
            if (is_runtime_table(first)) return refuse(own_table(first));
            if (is_internal(first) && who_ == Who::script)
                return refuse(std::string(first) + " is SQLite's own");
            return SQLITE_OK;
        case SQLITE_TRANSACTION:
        case SQLITE_SAVEPOINT:
            return refuse(
                who_ == Who::migration
                    ? "a migration is one transaction already; leave out BEGIN, COMMIT and SAVEPOINT"
                    : "BEGIN, COMMIT and SAVEPOINT are not available to scripts; use db.transaction");
        case SQLITE_ATTACH:
        case SQLITE_DETACH: return refuse("ATTACH, DETACH and VACUUM are not available to scripts");
        case SQLITE_PRAGMA:
            // Full-text search reads these two of its own tables.
            if (second.empty() && (first == "page_size" || first == "data_version"))
                return SQLITE_OK;
            return refuse("PRAGMA is not available to scripts");
        case SQLITE_CREATE_INDEX:
        case SQLITE_CREATE_TEMP_INDEX:
        case SQLITE_CREATE_TRIGGER:
        case SQLITE_CREATE_TEMP_TRIGGER:
        case SQLITE_DROP_INDEX:
        case SQLITE_DROP_TEMP_INDEX:
        case SQLITE_DROP_TRIGGER:
        case SQLITE_DROP_TEMP_TRIGGER:
        case SQLITE_ALTER_TABLE:  // all of these name their table second
            if (who_ == Who::script) return refuse(std::string(use_migrations));
            return is_runtime_table(second) ? refuse(own_table(second)) : SQLITE_OK;
        // CREATE and DROP of tables and views, REINDEX, ANALYZE, and whatever SQLite may learn
        default:
            if (who_ == Who::script) return refuse(std::string(use_migrations));
            return is_runtime_table(first) ? refuse(own_table(first)) : SQLITE_OK;
    }
}

}  // namespace parley::store
