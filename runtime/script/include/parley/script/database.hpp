// database.hpp: what a script's `db` module needs of a database.
//
// Thread: called on the call's io thread; `done` may run on any thread and is called at most once.
// End:    a Database outlives every agent that uses it.
#pragma once

#include <parley/store/store.hpp>

#include <functional>
#include <memory>
#include <vector>

namespace parley::script {

using TransactionResult =
    boost::system::result<std::vector<store::QueryAnswer>, store::QueryProblem>;

class Database {
 public:
    virtual ~Database() = default;
    virtual void query(store::Statement statement,
                       std::function<void(store::QueryResult)> done) = 0;
    virtual void transaction(std::vector<store::Statement> statements,
                             std::function<void(TransactionResult)> done) = 0;
};

// The scripts' door to the store, which must outlive it.
std::unique_ptr<Database> database_of(store::Store& store);

}  // namespace parley::script
