#include <parley/script/database.hpp>

namespace parley::script {
namespace {

class StoreDatabase final : public Database {
 public:
    explicit StoreDatabase(store::Store& store) : store_(store) {}
    void query(store::Statement statement, std::function<void(store::QueryResult)> done) override {
        store_.query(std::move(statement), std::move(done));
    }
    void transaction(std::vector<store::Statement> statements,
                     std::function<void(TransactionResult)> done) override {
        store_.transaction(std::move(statements), std::move(done));
    }

 private:
    store::Store& store_;
};

}  // namespace

std::unique_ptr<Database> database_of(store::Store& store) {
    return std::make_unique<StoreDatabase>(store);
}

}  // namespace parley::script
