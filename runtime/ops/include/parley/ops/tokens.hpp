// tokens.hpp: the keys to the service's doors: a name for people, a role, and the token's digest.
//
// A token has 256 random bits and is shown once, when it is made; its SHA-256 is all that is kept.
//
// Thread: any.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/result.hpp>
#include <parley/ops/routes.hpp>

#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::ops {

struct TokenRow {
    std::string name;
    Access role = Access::viewer;
    std::string digest;  // SHA-256 of the token, hexadecimal
    std::int64_t created_at_ms = 0;
    // of a person's choice, so that guessing may lead somewhere
    bool is_chosen = false;
};

struct NewToken {
    std::string token;
    TokenRow row;
};
// Fault when the name is not one: 1 to 64 of a-z, A-Z, 0-9, - _ . @
Checked<NewToken> make_token(std::string name, Access role, WallTime now);

// What a person calls a role: viewer, operator, admin.
Checked<Access> role_named(std::string_view name);

class Tokens {
 public:
    void put(TokenRow row);
    bool remove(std::string_view name);
    std::optional<TokenRow> named(std::string_view name) const;
    // Takes as long for a wrong token as for a right one.
    std::optional<TokenRow> find(std::string_view token) const;
    std::vector<TokenRow> all() const;

 private:
    mutable std::mutex mutex_;
    std::vector<TokenRow> rows_;
};

}  // namespace parley::ops
