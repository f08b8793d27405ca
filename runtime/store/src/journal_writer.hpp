// journal_writer.hpp: one journal entry -> its row, and the rows derived from it.
//
// The caller holds the transaction, so an entry and what is derived from it are written together or
// not at all.
#pragma once

#include "database.hpp"

#include <parley/call/journal.hpp>

#include <string>
#include <vector>

namespace parley::store {

class JournalWriter {
 public:
    // The tables must be there. `webhooks`: who is to be told when a call is over.
    SqlFailure prepare(Database& database, std::vector<std::string> webhooks = {});
    SqlFailure write(const call::journal::Entry& entry);
    void close();

 private:
    int derive(const call::journal::Entry& entry, std::int64_t at_ms);

    Database* database_ = nullptr;
    Prepared journal_, started_, ended_, said_, turn_, tool_started_, tool_returned_, usage_, cost_,
        note_, summary_, delivery_, delivery_due_;
    std::vector<std::string> webhooks_;
};

// Whether a failure is the entry's own (it would fail for ever) and not the database's (it may
// pass).
bool is_entrys_fault(int code);

}  // namespace parley::store
