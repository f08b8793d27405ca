// key_table.hpp: values under names with a lifetime, shared by all calls: the table script_keys.
//
// A row whose time is over counts as absent from that moment; it is deleted later, together with
// others.
// Thread: the store's. No transaction is left open after a member returns.
#pragma once

#include "database.hpp"

#include <parley/core/clock.hpp>
#include <parley/store/store.hpp>

namespace parley::store {

class KeyTable {
 public:
    struct Limits {
        std::size_t keys_max = 200'000;
        std::chrono::milliseconds busy_timeout{2'000};
        std::chrono::seconds purge_every{60};
        int purge_rows_max = 5'000;  // in one go: some 10 ms
    };

    KeyTable(Database& database, Limits limits) : database_(database), limits_(limits) {}

    KeyResult run(const KeyRequest& request, WallTime now);
    void close();  // before the connection

 private:
    QueryProblem problem();
    bool prepare();
    KeyResult get(const KeyRequest& request, std::int64_t now_ms);
    KeyResult change(const KeyRequest& request, std::int64_t now_ms);
    KeyResult changed(const KeyRequest& request, std::int64_t now_ms);
    void purge(std::int64_t now_ms);

    Database& database_;
    Limits limits_;
    Prepared find_, put_, remove_;
    std::int64_t purge_at_ms_ = 0;
    bool is_full_ = false;  // as of the last purge
};

}  // namespace parley::store
