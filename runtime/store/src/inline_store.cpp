#include <parley/store/inline_store.hpp>

#include "opening.hpp"
#include "script_sql.hpp"

namespace parley::store {

struct InlineStore::Impl {
    explicit Impl(const Options& options)
        : scripts(opened.database, opened.gate,
                  {options.query_time_max, options.busy_timeout, options.rows_max}) {}
    Opened opened;
    ScriptSql scripts;
};

InlineStore::InlineStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

InlineStore::~InlineStore() { impl_->scripts.close(); }

Checked<std::unique_ptr<InlineStore>> InlineStore::open(const std::string& migrations_dir) {
    const Options options{.path = ":memory:", .migrations_dir = migrations_dir};
    auto impl = std::make_unique<Impl>(options);
    if (auto opened = open_database(options, impl->opened); !opened) return opened.error();
    return std::unique_ptr<InlineStore>(new InlineStore(std::move(impl)));
}

void InlineStore::on_entry(const call::journal::Entry& entry) {
    const auto failed =
        write_batch(impl_->opened.database, impl_->opened.writer, std::span(&entry, 1));
    ensure(!failed, "a journal entry fits into its tables");
}

QueryResult InlineStore::query(const Statement& statement) {
    return impl_->scripts.query(statement);
}

TransactionResult InlineStore::transaction(const std::vector<Statement>& statements) {
    return impl_->scripts.transaction(statements);
}

}  // namespace parley::store
