// deliveries.hpp: what webhooks are still to be told: the table webhook_deliveries.
//
// JournalWriter makes the rows, with the end of a call. Here they are made ready to be sent and
// settled.
// Thread: the store's. No transaction is left open after a member returns.
#pragma once

#include "database.hpp"

#include <parley/store/store.hpp>

namespace parley::store {

inline constexpr std::string_view delivery_columns =
    "id, webhook, call_sid, created_at_ms, next_try_at_ms, attempts, state, problem, coalesce(body, '')";
// A row of these.
Delivery delivery_row(const Prepared& row);

class Deliveries {
 public:
    explicit Deliveries(Database& database) : database_(database) {}

    boost::system::result<std::vector<Delivery>, QueryProblem> due(WallTime now, std::size_t limit);
    std::optional<QueryProblem> settle(const Delivery& delivery);
    Store::DeliveryCounts counts();

 private:
    // {"id", "type", "call", "summary", "notes"}: see docs/webhooks.md
    std::string body_of(const Delivery& delivery);

    Database& database_;
};

// A failure of the database as its users are told.
QueryProblem as_problem(const SqlFailure& failure);

}  // namespace parley::store
