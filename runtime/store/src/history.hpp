// history.hpp: what is asked of the journal while the service runs, and its end after some days.
//
// Thread: the store's. No transaction is left open after a member returns.
#pragma once

#include "database.hpp"

#include <parley/store/store.hpp>

namespace parley::store {

class History {
 public:
    explicit History(Database& database) : database_(database) {}

    std::vector<call::journal::Entry> conversation(std::string_view call_sid);
    std::vector<NumberCost> costs_since(WallTime since);
    // One batch of calls; fewer than forget_calls_max: nothing is left to forget.
    boost::system::result<std::int64_t, QueryProblem> forget(WallTime before);

    static constexpr std::int64_t forget_calls_max = 100;  // in one transaction: some 10 ms

 private:
    Database& database_;
};

}  // namespace parley::store
