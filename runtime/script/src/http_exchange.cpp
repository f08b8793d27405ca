#include "http_exchange.hpp"

#include <parley/core/text.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace parley::script {
namespace {

constexpr int redirects_max = 5;
constexpr int retries_usual = 2;
constexpr milliseconds first_pause{200};

bool is_harmless_to_repeat(std::string_view method) {
    constexpr std::array<std::string_view, 5> methods{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"};
    return std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool is_worth_retrying(int status) {
    return status == 429 || status == 502 || status == 503 || status == 504;
}

Problem not_allowed(const net::Url& url) {
    return {
        "not_allowed",
        fmt::format(
            "requests to {} are not allowed; add the host to scripts.http.allow in the YAML settings",
            url.authority()),
        false};
}

net::Headers without(const net::Headers& headers, std::initializer_list<std::string_view> names) {
    net::Headers kept;
    for (const auto& [name, value] : headers.all()) {
        const std::string plain = lower(name);
        if (std::find(names.begin(), names.end(), plain) == names.end()) kept.add(name, value);
    }
    return kept;
}

// RFC 3986, 5.2.4: "/a/./b/../c" -> "/a/c". A query stays as it is.
std::string without_dots(std::string_view target) {
    const auto mark = target.find('?');
    std::vector<std::string_view> kept;
    const auto parts =
        split(target.substr(1, mark == std::string_view::npos ? mark : mark - 1), '/');
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const bool is_last = i + 1 == parts.size();
        if (parts[i] == "..") {
            if (!kept.empty()) kept.pop_back();
        } else if (parts[i] != ".") {
            kept.push_back(parts[i]);
            continue;
        }
        if (is_last) kept.emplace_back();
    }
    std::string out;
    for (const auto part : kept) out += "/" + std::string(part);
    if (out.empty()) out = "/";
    if (mark != std::string_view::npos) out += target.substr(mark);
    return out;
}

Problem problem_of(const net::FetchFailure& failure, const net::Url& url) {
    using Kind = net::FetchFailure::Kind;
    const auto say = [&](const char* kind, bool retry) {
        return Problem{kind, fmt::format("{}: {}", url.authority(), failure.what), retry};
    };
    switch (failure.kind) {
        case Kind::invalid: return say("mistake", false);
        case Kind::dns: return say("dns", true);
        case Kind::not_allowed: {
            auto problem = say("not_allowed", false);
            problem.message +=
                "; addresses of this machine and its network need scripts.http.allow_private";
            return problem;
        }
        case Kind::refused: return say("refused", true);
        case Kind::tls: return say("tls", false);
        case Kind::timeout: return say("timeout", true);
        case Kind::too_large: return say("too_large", false);
        case Kind::broken: return say("broken", true);
    }
    return say("broken", true);
}

}  // namespace

HttpExchange::Step HttpExchange::start(TimePoint now) {
    deadline_ = now + wish_.budget;
    if (!rules_.allows(wish_.url)) return Finish(not_allowed(wish_.url));
    return send(now);
}

HttpExchange::Step HttpExchange::send(TimePoint now) {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - now);
    if (left <= milliseconds(0)) return Finish(out_of_time());
    return Send{wish_.url, wish_.request, left};
}

HttpExchange::Step HttpExchange::on_response(net::Response response, TimePoint now,
                                             WallTime wall_now) {
    const int status = response.status;
    const bool is_redirect =
        status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (is_redirect && response.headers.get("Location")) return follow(response, now);
    if (is_worth_retrying(status)) {
        std::optional<milliseconds> wanted;
        if (const auto header = response.headers.get("Retry-After"))
            wanted = retry_after(*header, wall_now);
        if (const auto pause = pause_before_retry(wanted, now)) return *pause;
    }
    return Finish(std::move(response));
}

HttpExchange::Step HttpExchange::on_failure(const net::FetchFailure& failure, TimePoint now) {
    using Kind = net::FetchFailure::Kind;
    const bool may_pass =
        failure.kind == Kind::dns || failure.kind == Kind::refused || failure.kind == Kind::broken;
    if (may_pass) {
        if (const auto pause = pause_before_retry(std::nullopt, now)) return *pause;
    }
    return Finish(problem_of(failure, wish_.url));
}

HttpExchange::Step HttpExchange::on_waited(TimePoint now) { return send(now); }

HttpExchange::Step HttpExchange::follow(const net::Response& response, TimePoint now) {
    const std::string location(*response.headers.get("Location"));
    auto next = url_from(wish_.url, location);
    if (!next) {
        return Finish(
            Problem{"broken",
                    fmt::format("{} redirects to \"{}\", which is not a URL", wish_.url.authority(),
                                to_valid_utf8(shortened(location, 100))),
                    false});
    }
    if (++redirects_ > redirects_max) {
        return Finish(
            Problem{"redirects",
                    fmt::format("{}: more than {} redirects", wish_.url.authority(), redirects_max),
                    false});
    }
    if (wish_.url.is_secure() && !next->is_secure()) {
        return Finish(Problem{"not_allowed",
                              fmt::format("{} redirects from https to http", wish_.url.authority()),
                              false});
    }
    if (!rules_.allows(*next)) return Finish(not_allowed(*next));
    const bool is_same_place = next->host == wish_.url.host && next->port == wish_.url.port &&
                               next->scheme == wish_.url.scheme;
    if (!is_same_place)
        wish_.request.headers =
            without(wish_.request.headers, {"authorization", "cookie", "proxy-authorization"});
    const bool becomes_get =
        response.status == 303 ||
        ((response.status == 301 || response.status == 302) && wish_.request.method == "POST");
    if (becomes_get && wish_.request.method != "HEAD") {
        wish_.request.method = "GET";
        wish_.request.body.clear();
        wish_.request.headers =
            without(wish_.request.headers, {"content-type", "content-length", "content-encoding"});
    }
    wish_.url = std::move(*next);
    return send(now);
}

std::optional<HttpExchange::Wait> HttpExchange::pause_before_retry(
    std::optional<milliseconds> wanted, TimePoint now) {
    const int allowed =
        wish_.retries.value_or(is_harmless_to_repeat(wish_.request.method) ? retries_usual : 0);
    if (tries_ >= allowed) return std::nullopt;
    const milliseconds pause = wanted.value_or(first_pause * (1 << std::min(tries_, 10)));
    if (now + pause >= deadline_) return std::nullopt;
    ++tries_;
    return Wait{pause};
}

Problem HttpExchange::out_of_time() const {
    return {"timeout",
            fmt::format("{}: no answer within {} ms", wish_.url.authority(), wish_.budget.count()),
            true};
}

std::optional<net::Url> url_from(const net::Url& base, std::string_view location) {
    location = location.substr(0, location.find('#'));
    std::string whole;
    if (location.starts_with("http://") || location.starts_with("https://")) {
        whole = location;
    } else if (location.find(':') < location.find_first_of("/?")) {
        return std::nullopt;  // another scheme
    } else if (location.starts_with("//")) {
        whole = fmt::format("{}:{}", base.scheme, location);
    } else {
        const std::string_view path =
            std::string_view(base.target).substr(0, base.target.find('?'));
        std::string target(location);
        if (location.empty()) {
            target = base.target;
        } else if (location.starts_with('?')) {
            target = std::string(path) + target;
        } else if (!location.starts_with('/')) {
            target = std::string(path.substr(0, path.rfind('/') + 1)) + target;
        }
        whole = fmt::format("{}://{}{}", base.scheme, base.authority(), target);
    }
    auto url = net::Url::parse(whole);
    if (!url || (url->scheme != "http" && url->scheme != "https")) return std::nullopt;
    url->target = without_dots(url->target);
    return std::move(*url);
}

std::optional<milliseconds> retry_after(std::string_view value, WallTime now) {
    value = trim(value);
    int seconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (error == std::errc() && end == value.data() + value.size() && seconds >= 0)
        return std::chrono::seconds(seconds);
    std::tm date{};
    const std::string text(value);
    const char* rest = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
    if (rest == nullptr || *rest != '\0') return std::nullopt;
    const auto wait = std::chrono::system_clock::from_time_t(timegm(&date)) - now;
    return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(wait));
}

}  // namespace parley::script
