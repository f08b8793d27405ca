// asking.hpp: for handlers of routes: the store's answer, on the thread of who asks.
#pragma once

#include <parley/ops/routes.hpp>
#include <parley/store/store.hpp>

namespace parley::ops {

Task<store::QueryResult> ask(store::Store& store, store::Statement statement);

// `limit` of the query, at least 1.
std::int64_t limit_of(const Asked& asked, std::int64_t otherwise, std::int64_t most);

}  // namespace parley::ops
