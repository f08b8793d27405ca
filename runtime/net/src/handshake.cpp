#include "handshake.hpp"

#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/result.hpp>
#include <parley/core/text.hpp>

#include <boost/beast/http/rfc7230.hpp>

#include <openssl/evp.h>

#include <array>

namespace parley::net {
namespace {

constexpr std::string_view websocket_guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t key_bytes = 16, sha1_bytes = 20;

bool has_token(const http::fields& fields, http::field name, std::string_view token) {
    return http::token_list{fields[name]}.exists(beast_view(token));
}

}  // namespace

std::string new_handshake_key() { return base64::encode(crypto::random_bytes(key_bytes)); }

std::string handshake_answer(std::string_view key) {
    const std::string text = std::string(key).append(websocket_guid);
    std::array<std::uint8_t, sha1_bytes> digest{};
    unsigned length = 0;
    const int done =
        EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha1(), nullptr);
    ensure(done == 1 && length == digest.size(), "OpenSSL can make a SHA-1");
    return base64::encode(digest);
}

http::request<http::empty_body> upgrade_request(const std::string& host, const std::string& target,
                                                const std::string& key, const Headers& headers) {
    http::request<http::empty_body> request(http::verb::get, target, 11);
    request.set(http::field::host, host);
    request.set(http::field::upgrade, "websocket");
    request.set(http::field::connection, "Upgrade");
    request.set(http::field::sec_websocket_key, key);
    request.set(http::field::sec_websocket_version, "13");
    request.set(http::field::user_agent, "parley");
    for (const auto& [name, value] : headers.all()) request.set(name, value);
    return request;
}

http::response<http::empty_body> upgrade_response(const http::fields& request) {
    http::response<http::empty_body> response(http::status::switching_protocols, 11);
    response.set(http::field::upgrade, "websocket");
    response.set(http::field::connection, "Upgrade");
    const auto key = trim(std_view(request[http::field::sec_websocket_key]));
    response.set(http::field::sec_websocket_accept, handshake_answer(key));
    return response;
}

std::string answer_flaw(const http::response<http::empty_body>& answer, std::string_view key) {
    if (answer.version() < 11 || !has_token(answer, http::field::upgrade, "websocket") ||
        !has_token(answer, http::field::connection, "upgrade"))
        return "the answer does not say \"Upgrade: websocket\"";
    if (trim(std_view(answer[http::field::sec_websocket_accept])) != handshake_answer(key))
        return "Sec-WebSocket-Accept does not fit the key";
    return "";
}

}  // namespace parley::net
