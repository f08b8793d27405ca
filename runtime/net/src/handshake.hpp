// handshake.hpp: the HTTP messages a WebSocket begins with (RFC 6455, 4).
#pragma once

#include "http_messages.hpp"

#include <boost/beast/http/empty_body.hpp>

#include <string>
#include <string_view>

namespace parley::net {

// Sixteen random bytes in base64: what a client asks with.
std::string new_handshake_key();
// What a server must make of it.
std::string handshake_answer(std::string_view key);

http::request<http::empty_body> upgrade_request(const std::string& host, const std::string& target,
                                                const std::string& key, const Headers& headers);
// To a request that is in order (upgrade_flaw in http_connection.cpp).
http::response<http::empty_body> upgrade_response(const http::fields& request);

// What is wrong with a 101, or "".
std::string answer_flaw(const http::response<http::empty_body>& answer, std::string_view key);

}  // namespace parley::net
