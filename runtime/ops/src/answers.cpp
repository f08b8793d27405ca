#include <parley/ops/answers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace parley::ops {
namespace {

void set_if_absent(net::Headers& headers, std::string_view name, std::string_view value) {
    if (!headers.get(name)) headers.set(std::string(name), std::string(value));
}

std::optional<std::size_t> number_of(std::string_view text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

struct Range {
    std::size_t begin = 0, end = 0;
    bool is_part = true;
};

// "bytes=0-99", "bytes=100-", "bytes=-50"; nothing when it lies outside. What is no range of bytes,
// or more than one, is as if it were not there (RFC 9110, 14.2).
std::optional<Range> range_of(std::string_view header, std::size_t size) {
    constexpr std::string_view unit = "bytes=";
    const Range all{0, size, false};
    const auto dash = header.find('-');
    if (!header.starts_with(unit) || dash == std::string_view::npos ||
        header.find(',') != std::string_view::npos)
        return all;
    const auto from = header.substr(unit.size(), dash - unit.size());
    const auto to = header.substr(dash + 1);
    const auto first = number_of(from);
    const auto last = number_of(to);
    if ((!from.empty() && !first) || (!to.empty() && !last) || (!first && !last)) return all;
    if (!first) {  // so many at the end
        if (*last == 0 || size == 0) return std::nullopt;
        return Range{size - std::min(*last, size), size};
    }
    if (*first >= size) return std::nullopt;
    if (last && *last < *first) return all;
    return Range{*first, last ? std::min(*last, size - 1) + 1 : size};
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

net::Response ranged(const net::Request& request, std::string_view body, std::string content_type) {
    net::Response response;
    response.content_type = std::move(content_type);
    response.headers.set("Accept-Ranges", "bytes");
    const auto header = request.headers.get("Range").value_or("");
    const auto range = range_of(header, body.size());
    if (!range) {
        response.status = 416;
        response.headers.set("Content-Range", fmt::format("bytes */{}", body.size()));
        return response;
    }
    response.body = body.substr(range->begin, range->end - range->begin);
    if (range->is_part) {
        response.status = 206;
        response.headers.set("Content-Range", fmt::format("bytes {}-{}/{}", range->begin,
                                                          range->end - 1, body.size()));
    }
    return response;
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
