// http_messages.hpp: between our plain HTTP values and Beast's.
#pragma once

#include <parley/net/http.hpp>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace parley::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;

// Whether the pair can be put on the wire without starting another header or message.
bool is_safe_header(std::string_view name, std::string_view value);

Headers headers_of(const http::fields& fields);
void add_all(http::fields& fields, const Headers& headers);  // those that are safe; replaces none

inline beast::string_view beast_view(std::string_view text) { return {text.data(), text.size()}; }
inline std::string_view std_view(beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace parley::net
