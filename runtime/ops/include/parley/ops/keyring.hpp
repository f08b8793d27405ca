// keyring.hpp: tokens in the database, and the routes that make and revoke them.
//
//   GET    /api/tokens          {"tokens": [{"name", "role", "createdAt"}]}
//   POST   /api/tokens          {"name", "role"} -> 201 {"name", "role", "token"}, this once
//   DELETE /api/tokens/:name    {"revoked": true}
//
// The functions wait for the database: they are for the start and for commands, not for io threads.
#pragma once

#include <parley/ops/doorkeeper.hpp>
#include <parley/store/store.hpp>

namespace parley::ops {

Checked<std::vector<TokenRow>> load_tokens(store::Store& store);
Checked<void> save_token(store::Store& store, const TokenRow& row);
Checked<bool> delete_token(store::Store& store, const std::string& name);

// Owner: serve(); outlives the server's requests. Thread: the server's.
class Keyring {
 public:
    Keyring(Doorkeeper& doorkeeper, store::Store& store) : doorkeeper_(doorkeeper), store_(store) {}

    // Those of the database may enter from now on.
    Checked<void> load();
    void add_to(Routes& routes);

 private:
    net::Response list() const;
    Task<net::Response> make(Asked asked);
    Task<net::Response> revoke(Asked asked);

    Doorkeeper& doorkeeper_;
    store::Store& store_;
};

}  // namespace parley::ops
