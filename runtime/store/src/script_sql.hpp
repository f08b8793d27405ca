// script_sql.hpp: the statements of scripts, checked, timed and answered as JSON; those of the
// runtime's own rooms, which may use the runtime's tables, in an object of their own, so that no
// script finds a statement prepared for them.
//
// Thread: the store's. No transaction is left open after a member returns.
#pragma once

#include "database.hpp"
#include "gate.hpp"

#include <parley/store/store.hpp>

#include <optional>
#include <utility>

namespace parley::store {

class ScriptSql {
 public:
    struct Limits {
        std::chrono::milliseconds time_max;
        std::chrono::milliseconds busy_timeout;
        std::size_t rows_max;
        std::size_t result_bytes_max = 16 * 1024 * 1024;
        std::size_t statements_kept = 64;
    };

    ScriptSql(Database& database, Gate& gate, Limits limits, Gate::Who who = Gate::Who::script)
        : database_(database),
          gate_(gate),
          limits_(limits),
          who_(who),
          cache_(limits.statements_kept) {}

    QueryResult query(const Statement& statement);
    TransactionResult transaction(const std::vector<Statement>& statements);

    void close() { cache_.clear(); }  // before the connection

    // The last failure that is the database's and not the script's, once: an operator should see
    // it.
    SqlFailure take_broken() { return std::exchange(broken_, {}); }

    // One value; views into `value` stay valid while the statement runs.
    static std::optional<QueryProblem> bind_value(Prepared& prepared, int index,
                                                  const std::string& name,
                                                  const json::value& value);
    // Counts the bytes of texts and blobs into `bytes`.
    static json::value column(const Prepared& prepared, int index, std::size_t& bytes);

 private:
    boost::system::result<Prepared*, QueryProblem> prepared(const std::string& sql);
    static std::optional<QueryProblem> bind_in_order(Prepared& prepared,
                                                     const json::array& parameters);
    static std::optional<QueryProblem> bind_by_name(Prepared& prepared,
                                                    const json::object& parameters);
    QueryResult run(Prepared& prepared, const json::array& parameters);
    std::optional<QueryProblem> control(const char* sql);  // BEGIN and COMMIT
    QueryProblem problem();

    Database& database_;
    Gate& gate_;
    Limits limits_;
    Gate::Who who_;
    StatementCache cache_;
    SqlFailure broken_;
};

}  // namespace parley::store
