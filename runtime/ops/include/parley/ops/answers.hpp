// answers.hpp: what every route says in the same way: JSON, and errors as {"error": "...", ...}.
#pragma once

#include <parley/core/json.hpp>
#include <parley/net/http.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace parley::ops {

net::Response as_json(int status, const json::value& body);
// {"error": why}, or {"error": why, "details": details}
net::Response refusal(int status, std::string_view why, std::string_view details = "");
// 303: the browser asks for `where` by GET.
net::Response redirect(std::string_view where);

// One value of the query or of a form; nothing when it is not there.
std::optional<std::string> field(std::string_view form, std::string_view name);

// All of `body`, or the one range of it that was asked for (206), or that there is no such range
// (416).
net::Response ranged(const net::Request& request, std::string_view body, std::string content_type);

// What every answer says to browsers: not to guess types, not to show it in a frame, to load and
// run nothing that is not ours. A header that the answer sets itself is left as it is.
enum class Privacy { open, confidential };  // confidential: is not kept by anyone
void add_security_headers(net::Response& response, Privacy privacy);

// For pages of ours: scripts, styles and requests of their own origin, nothing inline.
void set_page_policy(net::Response& response);

}  // namespace parley::ops
