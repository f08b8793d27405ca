#include <parley/ops/sessions.hpp>

#include <parley/core/crypto.hpp>

#include <algorithm>

namespace parley::ops {
namespace {

constexpr std::size_t secret_bytes = 32;

}  // namespace

Sessions::Opened Sessions::open(std::string token_name, TimePoint now) {
    if (by_digest_.size() >= limits_.count) {
        by_digest_.erase(std::min_element(
            by_digest_.begin(), by_digest_.end(),
            [](const auto& a, const auto& b) { return a.second.used < b.second.used; }));
    }
    Opened opened{crypto::random_hex(secret_bytes), crypto::random_hex(secret_bytes)};
    by_digest_[crypto::sha256_hex(opened.cookie)] =
        Session{{std::move(token_name), opened.csrf}, now, now};
    return opened;
}

// Looked up by digest: how long that takes tells nothing of the cookie.
std::optional<Sessions::Found> Sessions::find(std::string_view cookie, TimePoint now) {
    const auto at = by_digest_.find(crypto::sha256_hex(cookie));
    if (at == by_digest_.end()) return std::nullopt;
    auto& session = at->second;
    if (now - session.used >= limits_.idle || now - session.begun >= limits_.age) {
        by_digest_.erase(at);
        return std::nullopt;
    }
    session.used = now;
    return session.found;
}

void Sessions::close(std::string_view cookie) { by_digest_.erase(crypto::sha256_hex(cookie)); }

void Sessions::close_all_of(std::string_view token_name) {
    std::erase_if(by_digest_,
                  [&](const auto& each) { return each.second.found.token_name == token_name; });
}

}  // namespace parley::ops
