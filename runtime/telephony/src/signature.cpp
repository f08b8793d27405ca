#include <parley/telephony/signature.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>
#include <parley/net/http.hpp>

#include <algorithm>

namespace parley::telephony {
namespace {

// "https://user:pass@host:8443/prefix/" taken apart; lenient, because the settings have been
// checked before.
struct Base {
    std::string scheme;  // lower case
    std::string host;    // with brackets for IPv6
    std::string port;    // "" when not written
    std::string prefix;  // path without a slash at the end
};

Base parse_base(std::string_view url) {
    Base base;
    const std::size_t scheme_end = url.find("://");
    base.scheme = scheme_end == std::string_view::npos ? "https" : lower(url.substr(0, scheme_end));
    if (scheme_end != std::string_view::npos) url.remove_prefix(scheme_end + 3);
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t path = url.find('/');
    if (path != std::string_view::npos) {
        base.prefix = url.substr(path);
        while (!base.prefix.empty() && base.prefix.back() == '/') base.prefix.pop_back();
    }
    std::string_view authority = url.substr(0, path);
    // Twilio drops user and password before it signs.
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos)
        authority.remove_prefix(at + 1);
    const std::size_t colon = authority.rfind(':');
    if (colon != std::string_view::npos && authority.find(']', colon) == std::string_view::npos) {
        base.port = authority.substr(colon + 1);
        authority = authority.substr(0, colon);
    }
    base.host = lower(authority);
    return base;
}

bool is_secure(std::string_view scheme) { return scheme == "https" || scheme == "wss"; }

void add(std::vector<std::string>& to, std::string candidate) {
    if (std::find(to.begin(), to.end(), candidate) == to.end()) to.push_back(std::move(candidate));
}

// Voice over HTTPS is signed without the port, voice over HTTP with it; proxies and tunnels muddle
// both.
void add_ports(std::vector<std::string>& to, const Base& base, const PublicAddress& address,
               std::string_view scheme, std::string_view target) {
    const std::string start = std::string(scheme) + "://" + base.host;
    const std::string end = base.prefix + std::string(target);
    if (!base.port.empty()) add(to, start + ":" + base.port + end);
    add(to, start + end);
    add(to, start + (is_secure(scheme) ? ":443" : ":80") + end);
    if (address.listening_port)
        add(to, start + ":" + std::to_string(*address.listening_port) + end);
}

std::string_view without_fragment(std::string_view target) {
    return target.substr(0, target.find('#'));
}

// "/media-stream?x" -> "/media-stream/?x", and back.
std::string with_slash_toggled(std::string_view target) {
    const std::size_t query = target.find('?');
    std::string path(target.substr(0, query));
    if (!path.empty() && path.back() == '/') {
        path.pop_back();
    } else {
        path += '/';
    }
    if (query != std::string_view::npos) path += target.substr(query);
    return path;
}

std::optional<std::string> body_digest_of(std::string_view target) {
    const std::size_t query = target.find('?');
    if (query == std::string_view::npos) return std::nullopt;
    for (auto& [name, value] : net::parse_form(target.substr(query + 1))) {
        if (name == "bodySHA256") return std::move(value);
    }
    return std::nullopt;
}

}  // namespace

std::string signature(std::string_view auth_token, std::string_view url, const FormFields& form) {
    std::vector<std::pair<std::string_view, std::string_view>> sorted(form.begin(), form.end());
    // string_view compares bytes as unsigned: the order Twilio's "Unix-style case-sensitive sort"
    // means.
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    std::string message(url);
    for (const auto& [name, value] : sorted) {
        message += name;
        message += value;
    }
    return base64::encode(crypto::hmac_sha1(auth_token, message));
}

std::vector<std::string> http_candidates(const PublicAddress& address, std::string_view target) {
    const Base base = parse_base(address.url);
    std::vector<std::string> candidates;
    add_ports(candidates, base, address, base.scheme, without_fragment(target));
    return candidates;
}

std::vector<std::string> websocket_candidates(const PublicAddress& address,
                                              std::string_view target) {
    const Base base = parse_base(address.url);
    target = without_fragment(target);
    const std::string other = with_slash_toggled(target);
    std::vector<std::string> candidates;
    // wss as the document says; ws only where the public address is plain HTTP (tests, demo); the
    // HTTP form last.
    if (!is_secure(base.scheme)) {
        add_ports(candidates, base, address, "ws", target);
        add_ports(candidates, base, address, "ws", other);
    }
    add_ports(candidates, base, address, "wss", target);
    add_ports(candidates, base, address, "wss", other);
    add_ports(candidates, base, address, base.scheme, target);
    add_ports(candidates, base, address, base.scheme, other);
    return candidates;
}

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::genuine: return "genuine";
        case Verdict::no_token: return "no auth token is configured";
        case Verdict::unsigned_: return "no signature";
        case Verdict::forged: return "the signature does not match";
        case Verdict::body_altered: return "the body is not the one that was signed";
    }
    return "";
}

bool SignatureCheck::is_any(const std::vector<std::string>& candidates, const FormFields& form,
                            std::string_view wanted) const {
    bool found = false;
    for (const Secret& token : auth_tokens_) {
        if (token.empty()) continue;
        for (const std::string& url : candidates) {
            found |= crypto::equal_in_constant_time(signature(token.reveal(), url, form), wanted);
        }
    }
    return found;
}

Verdict SignatureCheck::check_http(const Request& request) const {
    if (std::all_of(auth_tokens_.begin(), auth_tokens_.end(),
                    [](const Secret& token) { return token.empty(); })) {
        return Verdict::no_token;
    }
    if (request.signature.empty()) return Verdict::unsigned_;
    const auto candidates = http_candidates(request.address, request.target);
    static const FormFields none;
    if (const auto digest = body_digest_of(request.target)) {
        if (!is_any(candidates, none, request.signature)) return Verdict::forged;
        return crypto::equal_in_constant_time(crypto::sha256_hex(request.body), *digest)
                   ? Verdict::genuine
                   : Verdict::body_altered;
    }
    // Nothing would bind such a body to the signature.
    if (!request.is_form && !request.body.empty()) return Verdict::forged;
    const FormFields& form = request.is_form && request.form != nullptr ? *request.form : none;
    return is_any(candidates, form, request.signature) ? Verdict::genuine : Verdict::forged;
}

Verdict SignatureCheck::check_websocket(const PublicAddress& address, std::string_view target,
                                        std::string_view wanted) const {
    if (std::all_of(auth_tokens_.begin(), auth_tokens_.end(),
                    [](const Secret& token) { return token.empty(); })) {
        return Verdict::no_token;
    }
    if (wanted.empty()) return Verdict::unsigned_;
    return is_any(websocket_candidates(address, target), {}, wanted) ? Verdict::genuine
                                                                     : Verdict::forged;
}

}  // namespace parley::telephony
