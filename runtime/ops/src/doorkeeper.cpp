#include <parley/ops/doorkeeper.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>
#include <parley/ops/answers.hpp>

#include <fmt/format.h>

namespace parley::ops {
namespace {

// The token of "Authorization: Bearer TOKEN", or "".
std::string_view bearer_of(const net::Request& request) {
    constexpr std::string_view scheme = "bearer ";
    const auto header = request.headers.get("Authorization").value_or("");
    if (lower(header.substr(0, scheme.size())) != scheme) return "";
    return trim(header.substr(scheme.size()));
}

net::Response unknown(const net::Request& request) {
    log::warn("auth.refused", {{"path", shortened(request.path(), 80)},
                               {"from", request.peer},
                               {"what", "the bearer token is missing or wrong"}});
    auto response = refusal(
        401,
        "this needs the header Authorization: Bearer TOKEN; the token is server.admin_token, or stands in "
        "admin.token beside the database");
    response.headers.set("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace

Doorkeeper::Doorkeeper(Secret admin_token)
    : admin_digest_(crypto::sha256_hex(admin_token.reveal())) {}

std::variant<Who, net::Response> Doorkeeper::admit(const net::Request& request, Access needed) {
    const auto token = bearer_of(request);
    const bool is_admin = crypto::equal_in_constant_time(crypto::sha256_hex(token), admin_digest_);
    if (token.empty() || !is_admin) return unknown(request);
    Who who{"admin", Access::admin, {}};
    if (who.role < needed)
        return refusal(403, fmt::format("this needs the role {}", name_of(needed)));
    return who;
}

}  // namespace parley::ops
