// inline_store.hpp: the store in memory and without a thread: every answer comes before the
// question returns.
//
// For rehearsals: a scenario, a test of a tool and a replay get a fresh database with the scripts'
// tables each, and the same SQL with the same rules and messages as in a call.
//
// Thread: one thread.
#pragma once

#include <parley/store/store.hpp>

namespace parley::store {

class InlineStore final : public call::journal::Subscriber {
 public:
    // The scripts' migrations are run; "" for none.
    static Checked<std::unique_ptr<InlineStore>> open(const std::string& migrations_dir);
    ~InlineStore() override;

    void on_entry(const call::journal::Entry& entry) override;  // written at once

    QueryResult query(const Statement& statement);
    TransactionResult transaction(const std::vector<Statement>& statements);

 private:
    struct Impl;
    explicit InlineStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::store
