#include <parley/ops/answers.hpp>

namespace parley::ops {
namespace {

void set_if_absent(net::Headers& headers, std::string_view name, std::string_view value) {
    if (!headers.get(name)) headers.set(std::string(name), std::string(value));
}

}  // namespace

net::Response as_json(int status, const json::value& body) {
    net::Response response;
    response.status = status;
    response.content_type = "application/json";
    response.body = json::serialize(body);
    return response;
}

net::Response refusal(int status, std::string_view why, std::string_view details) {
    json::object body{{"error", why}};
    if (!details.empty()) body["details"] = details;
    return as_json(status, body);
}

net::Response redirect(std::string_view where) {
    net::Response response;
    response.status = 303;
    response.body = "See " + std::string(where) + "\n";
    response.headers.set("Location", std::string(where));
    return response;
}

std::optional<std::string> field(std::string_view form, std::string_view name) {
    for (auto& [known, value] : net::parse_form(form)) {
        if (known == name) return std::move(value);
    }
    return std::nullopt;
}

void set_page_policy(net::Response& response) {
    response.headers.set(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'");
}

void add_security_headers(net::Response& response, Privacy privacy) {
    auto& headers = response.headers;
    set_if_absent(headers, "X-Content-Type-Options", "nosniff");
    set_if_absent(headers, "X-Frame-Options", "DENY");
    set_if_absent(headers, "Referrer-Policy", "no-referrer");
    set_if_absent(headers, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (privacy == Privacy::confidential) set_if_absent(headers, "Cache-Control", "no-store");
}

}  // namespace parley::ops
