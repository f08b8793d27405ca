#include <parley/core/text.hpp>
#include <parley/net/http.hpp>

#include <boost/asio/ip/address_v6.hpp>

#include <fmt/format.h>

#include <charconv>

namespace parley::net {
namespace {

constexpr std::size_t url_bytes_max = 8192;
constexpr std::size_t host_bytes_max = 253;  // RFC 1035

std::string_view default_port(std::string_view scheme) {
    return scheme == "https" || scheme == "wss" ? "443" : "80";
}

bool is_alphanumeric(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Letters, digits, '-', '_' (Docker's names have it) in dotted parts.
bool is_host_name(std::string_view host) {
    if (host.empty() || host.size() > host_bytes_max) return false;
    for (const auto label : split(host, '.')) {
        if (label.empty() || label.size() > 63) return false;
        for (const char c : label) {
            if (!is_alphanumeric(c) && c != '-' && c != '_') return false;
        }
    }
    return true;
}

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decoded_field(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '+') {
            out += ' ';
            continue;
        }
        if (text[at] == '%' && at + 2 < text.size()) {
            const int high = hex_value(text[at + 1]);
            const int low = hex_value(text[at + 2]);
            if (high >= 0 && low >= 0) {
                out += static_cast<char>(high * 16 + low);
                at += 2;
                continue;
            }
        }
        out += text[at];
    }
    return out;
}

void append_escaped(std::string& out, std::string_view text, std::string_view space) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    for (const char c : text) {
        if (is_alphanumeric(c) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
        } else if (c == ' ') {
            out += space;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
}

// The URL as it may be shown: a query can hold tokens, and what precedes '@' a password.
std::string shown(std::string_view text) {
    const auto end = text.find_first_of("?#");
    text = text.substr(0, end);
    if (text.find('@') != std::string_view::npos) return "a URL with user or password";
    return to_valid_utf8(shortened(text, 200));
}

Fault fault(std::string_view text, std::string what, std::string remedy) {
    return Fault{shown(text), std::move(what), std::move(remedy)};
}

}  // namespace

std::string Url::authority() const {
    const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == default_port(scheme) ? name : name + ":" + port;
}

Checked<Url> Url::parse(std::string_view text) {
    if (text.size() > url_bytes_max)
        return fault(text, "the URL is too long", "use at most 8192 characters");
    for (const char c : text) {
        if (c <= ' ' || c >= 0x7F) {
            return fault(text, "the URL has a space, a control character or a letter outside ASCII",
                         "escape it as %XX");
        }
    }
    const auto scheme_end = text.find("://");
    if (scheme_end == std::string_view::npos) {
        return fault(text, "the URL has no scheme",
                     "begin it with https://, http://, wss:// or ws://");
    }
    Url url;
    url.scheme = lower(text.substr(0, scheme_end));
    if (url.scheme != "http" && url.scheme != "https" && url.scheme != "ws" &&
        url.scheme != "wss") {
        return fault(text, fmt::format("the scheme \"{}\" is not known", shortened(url.scheme, 20)),
                     "use https, http, wss or ws");
    }
    const auto rest = text.substr(scheme_end + 3);
    const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
    const auto authority = rest.substr(0, authority_end);
    const auto target = rest.substr(authority_end);
    if (authority.find('@') != std::string_view::npos) {
        return fault(text, "the URL holds a user or password",
                     "leave it out and send an Authorization header");
    }
    if (target.find('#') != std::string_view::npos) {
        return fault(text, "the URL has a fragment (#...), which servers never see",
                     "leave it out");
    }

    std::string_view port;
    bool has_port = false;
    if (authority.starts_with('[')) {
        const auto bracket = authority.find(']');
        if (bracket == std::string_view::npos)
            return fault(text, "the IPv6 address has no closing ']'", "");
        const auto after = authority.substr(bracket + 1);
        boost::system::error_code error;
        const auto address =
            boost::asio::ip::make_address_v6(std::string(authority.substr(1, bracket - 1)), error);
        if (error || !(after.empty() || after.starts_with(':'))) {
            return fault(text, "the IPv6 address is not valid", "write it as [2001:db8::1]");
        }
        url.host = address.to_string();
        has_port = !after.empty();
        if (has_port) port = after.substr(1);
    } else {
        const auto colon = authority.find(':');
        if (colon != authority.rfind(':')) {
            return fault(text, "the host has several colons",
                         "write an IPv6 address as [2001:db8::1]");
        }
        has_port = colon != std::string_view::npos;
        if (has_port) port = authority.substr(colon + 1);
        url.host = lower(authority.substr(0, colon));
        if (!is_host_name(url.host)) {
            return fault(text,
                         url.host.empty() ? "the URL has no host" : "the host name is not valid",
                         "use a name such as api.example.com or an address");
        }
    }
    if (has_port) {
        unsigned number = 0;
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
        if (error != std::errc() || end != port.data() + port.size() || number < 1 ||
            number > 65535) {
            return fault(text, "the port is not a number from 1 to 65535", "");
        }
        url.port = std::to_string(number);
    } else {
        url.port = default_port(url.scheme);
    }
    url.target = target.starts_with('/') ? std::string(target) : "/" + std::string(target);
    return url;
}

std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text) {
    std::vector<std::pair<std::string, std::string>> fields;
    for (const auto part : split(text, '&')) {
        if (part.empty()) continue;
        const auto equals = part.find('=');
        const auto value =
            equals == std::string_view::npos ? std::string_view() : part.substr(equals + 1);
        fields.emplace_back(decoded_field(part.substr(0, equals)), decoded_field(value));
    }
    return fields;
}

std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields) {
    std::string out;
    for (const auto& [name, value] : fields) {
        if (!out.empty()) out += '&';
        append_escaped(out, name, "+");
        out += '=';
        append_escaped(out, value, "+");
    }
    return out;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    append_escaped(out, text, "%20");
    return out;
}

}  // namespace parley::net
