#include <parley/ops/tokens.hpp>

#include <parley/core/crypto.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace parley::ops {
namespace {

constexpr std::size_t token_bytes = 32;
constexpr std::size_t name_bytes_max = 64;

bool is_name(std::string_view name) {
    constexpr std::string_view more = "-_.@";
    return !name.empty() && name.size() <= name_bytes_max &&
           std::all_of(name.begin(), name.end(), [&](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      more.find(static_cast<char>(c)) != std::string_view::npos;
           });
}

}  // namespace

Checked<NewToken> make_token(std::string name, Access role, WallTime now) {
    if (!is_name(name))
        return Fault{"name", "is not a name for a token", "use up to 64 of a-z 0-9 - _ . @"};
    if (name == "admin")
        return Fault{"name", "admin is the token of server.admin_token", "choose another name"};
    NewToken made;
    // the beginning lets people and secret scanners see what it is
    made.token = "parley_" + crypto::random_hex(token_bytes);
    made.row = {std::move(name), role, crypto::sha256_hex(made.token), unix_ms(now)};
    return {boost::system::in_place_value, std::move(made)};
}

Checked<Access> role_named(std::string_view name) {
    const auto role = access_named(name);
    if (role && *role >= Access::viewer) return *role;
    return Fault{"role", fmt::format("\"{}\" is no role", name), "use viewer, operator or admin"};
}

void Tokens::put(TokenRow row) {
    const std::lock_guard lock(mutex_);
    std::erase_if(rows_, [&](const auto& each) { return each.name == row.name; });
    rows_.push_back(std::move(row));
}

bool Tokens::remove(std::string_view name) {
    const std::lock_guard lock(mutex_);
    return std::erase_if(rows_, [&](const auto& each) { return each.name == name; }) > 0;
}

std::optional<TokenRow> Tokens::named(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    for (const auto& row : rows_) {
        if (row.name == name) return row;
    }
    return std::nullopt;
}

std::optional<TokenRow> Tokens::find(std::string_view token) const {
    const auto digest = crypto::sha256_hex(token);
    const std::lock_guard lock(mutex_);
    const TokenRow* found = nullptr;
    for (const auto& row : rows_) {
        if (crypto::equal_in_constant_time(digest, row.digest)) found = &row;
    }
    return found == nullptr ? std::nullopt : std::optional(*found);
}

std::vector<TokenRow> Tokens::all() const {
    const std::lock_guard lock(mutex_);
    return rows_;
}

}  // namespace parley::ops
