#include <parley/net/http.hpp>

#include "http_messages.hpp"

#include <boost/beast/core/string.hpp>

namespace parley::net {
namespace {

bool same_name(std::string_view a, std::string_view b) {
    return beast::iequals(beast_view(a), beast_view(b));
}

// RFC 9110 token.
bool is_token(std::string_view text) {
    constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
    if (text.empty()) return false;
    for (const char c : text) {
        const bool is_alphanumeric =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!is_alphanumeric && marks.find(c) == std::string_view::npos) return false;
    }
    return true;
}

}  // namespace

void Headers::set(std::string name, std::string value) {
    std::erase_if(fields_, [&](const auto& field) { return same_name(field.first, name); });
    add(std::move(name), std::move(value));
}

void Headers::add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
}

std::optional<std::string_view> Headers::get(std::string_view name) const {
    for (const auto& field : fields_) {
        if (same_name(field.first, name)) return field.second;
    }
    return std::nullopt;
}

std::string_view Request::path() const {
    return std::string_view(target).substr(0, target.find('?'));
}

std::string_view Request::query() const {
    const auto mark = target.find('?');
    return mark == std::string::npos ? std::string_view()
                                     : std::string_view(target).substr(mark + 1);
}

bool is_safe_header(std::string_view name, std::string_view value) {
    if (!is_token(name)) return false;
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < ' ' && c != '\t') || byte == 0x7F) return false;
    }
    return true;
}

Headers headers_of(const http::fields& fields) {
    Headers headers;
    for (const auto& field : fields) {
        headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    return headers;
}

void add_all(http::fields& fields, const Headers& headers) {
    for (const auto& [name, value] : headers.all()) {
        if (is_safe_header(name, value)) fields.insert(name, value);
    }
}

}  // namespace parley::net
