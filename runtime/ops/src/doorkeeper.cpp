#include <parley/ops/doorkeeper.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>
#include <parley/ops/answers.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::ops {
namespace {

constexpr std::string_view cookie_name = "parley_session";
constexpr std::string_view first_page = "/dashboard";

// The token of "Authorization: Bearer TOKEN", or "".
std::string_view bearer_of(const net::Request& request) {
    constexpr std::string_view scheme = "bearer ";
    const auto header = request.headers.get("Authorization").value_or("");
    if (lower(header.substr(0, scheme.size())) != scheme) return "";
    return trim(header.substr(scheme.size()));
}

std::string_view cookie_of(const net::Request& request) {
    const auto header = request.headers.get("Cookie").value_or("");
    for (const auto pair : split(header, ';')) {
        const auto equals = pair.find('=');
        if (equals != std::string_view::npos && trim(pair.substr(0, equals)) == cookie_name)
            return trim(pair.substr(equals + 1));
    }
    return "";
}

// "192.0.2.1:4000" -> "192.0.2.1": who it is, whatever the connection.
std::string address_of(const net::Request& request) {
    return request.peer.substr(0, request.peer.rfind(':'));
}

bool is_from_browser(const net::Request& request) {
    return request.headers.get("Accept").value_or("").find("text/html") != std::string_view::npos;
}

bool changes_something(const net::Request& request) {
    return request.method != "GET" && request.method != "HEAD";
}

std::string_view host_of(const net::Request& request) {
    return request.headers.get("Host").value_or("");
}

// A page of another site says so. What has no Origin is no browser of these years, or a GET.
bool is_from_elsewhere(const net::Request& request) {
    // a proxy may have changed the host, but not this
    if (const auto site = request.headers.get("Sec-Fetch-Site"))
        return *site != "same-origin" && *site != "none";
    const auto origin = request.headers.get("Origin");
    if (!origin) return false;
    const auto scheme_end = origin->find("://");
    return scheme_end == std::string_view::npos ||
           origin->substr(scheme_end + 3) != host_of(request);
}

// Within one machine the cookie crosses no network, and plain HTTP must do.
bool is_loopback(std::string_view host) {
    return host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]");
}

std::string cookie_header(const net::Request& request, std::string_view value,
                          std::chrono::seconds age) {
    return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{}", cookie_name, value,
                       age.count(), is_loopback(host_of(request)) ? "" : "; Secure");
}

// Where to go after logging in: a path of ours, nothing else.
std::string path_of_ours(std::string_view wanted) {
    const bool is_ours =
        wanted.starts_with('/') && !wanted.starts_with("//") &&
        wanted.find('\\') == std::string_view::npos &&
        std::all_of(wanted.begin(), wanted.end(), [](char c) { return c > ' ' && c < 0x7F; });
    return std::string(is_ours ? wanted : first_page);
}

void log_refused(const net::Request& request, std::string_view what) {
    log::warn("auth.refused",
              {{"path", shortened(request.path(), 80)}, {"from", request.peer}, {"what", what}});
}

net::Response unknown(const net::Request& request) {
    if (!changes_something(request) && is_from_browser(request))
        return redirect("/login?next=" + net::percent_encode(request.target));
    auto response = refusal(
        401,
        "this needs the header Authorization: Bearer TOKEN; make a token with `parley token new`, or use "
        "server.admin_token, which stands in admin.token beside the database if it is not set");
    response.headers.set("WWW-Authenticate", "Bearer");
    return response;
}

}  // namespace

Doorkeeper::Doorkeeper(const Secret& admin_token, Token kind, Attempts::Limits limits)
    : attempts_(limits) {
    tokens_.put({"admin", Access::admin, crypto::sha256_hex(admin_token.reveal()), 0,
                 kind == Token::chosen});
}

std::variant<Who, net::Response> Doorkeeper::admit(const net::Request& request, Access needed) {
    const auto token = bearer_of(request);
    auto verdict = token.empty() ? by_cookie(request) : by_token(request, token);
    const auto* who = std::get_if<Who>(&verdict);
    if (who == nullptr) return verdict;
    if (who->role < needed) {
        log_refused(request,
                    fmt::format("{} is {}, which is not enough", who->name, name_of(who->role)));
        return refusal(403, fmt::format("this needs the role {}; you have the role {}",
                                        name_of(needed), name_of(who->role)));
    }
    return verdict;
}

std::variant<Who, net::Response> Doorkeeper::by_token(const net::Request& request,
                                                      std::string_view token) {
    const auto row = tokens_.find(token);
    const auto peer = address_of(request);
    const auto now = Clock::now();
    const std::lock_guard lock(mutex_);
    const bool is_out_of_question = row && !row->is_chosen;
    if (!is_out_of_question && attempts_.is_barred(peer, row ? row->name : "", now))
        return barred(peer);
    if (row) {
        attempts_.succeeded(peer, row->name, now);
        return Who{row->name, row->role, {}};
    }
    if (attempts_.failed(peer, now)) {
        log::warn("auth.barred", {{"from", peer}, {"what", "too many wrong tokens"}});
    } else {
        log_refused(request, "the token is wrong");
    }
    return unknown(request);
}

std::variant<Who, net::Response> Doorkeeper::by_cookie(const net::Request& request) {
    const auto cookie = cookie_of(request);
    if (cookie.empty()) {
        if (!is_from_browser(request)) log_refused(request, "there is no token");
        return unknown(request);
    }
    std::optional<Sessions::Found> session;
    {
        const std::lock_guard lock(mutex_);
        session = sessions_.find(cookie, Clock::now());
    }
    const auto row = session ? tokens_.named(session->token_name) : std::nullopt;
    if (!row) return unknown(request);
    if (changes_something(request)) {
        auto shown = std::string(request.headers.get("X-CSRF-Token").value_or(""));
        if (shown.empty()) shown = field(request.body, "csrf").value_or("");
        if (is_from_elsewhere(request) || !crypto::equal_in_constant_time(shown, session->csrf)) {
            log_refused(request, "the request does not come from a page of this service");
            return refusal(403, "the page is out of date, or this does not come from it",
                           "send the header X-CSRF-Token, or the field csrf, as "
                           "/dashboard/api/me tells it");
        }
    }
    return Who{row->name, row->role, session->csrf};
}

// Under the lock.
net::Response Doorkeeper::barred(const std::string& peer) {
    const auto wait = attempts_.wait_for(peer, Clock::now());
    auto response =
        refusal(429, "there were too many wrong tokens from your address; try again later");
    response.headers.set("Retry-After", std::to_string(std::max<std::int64_t>(1, wait.count())));
    return response;
}

bool Doorkeeper::revoke(std::string_view name) {
    const bool was_there = tokens_.remove(name);
    const std::lock_guard lock(mutex_);
    sessions_.close_all_of(name);
    return was_there;
}

Task<net::Response> Doorkeeper::log_in(Asked asked) {
    const auto& request = asked.request;
    const bool is_page = is_from_browser(request);
    const auto next = path_of_ours(field(request.body, "next").value_or(""));
    const auto refused = [&](net::Response response, std::string_view why) {
        if (!is_page) return response;
        return redirect(fmt::format("/login?error={}&next={}", why, net::percent_encode(next)));
    };
    if (is_from_elsewhere(request)) co_return refusal(403, "this form is not of this service");
    auto verdict = by_token(request, trim(field(request.body, "token").value_or("")));
    if (auto* turned_away = std::get_if<net::Response>(&verdict)) {
        const bool is_barred = turned_away->status == 429;
        if (is_barred) co_return refused(std::move(*turned_away), "limited");
        co_return refused(refusal(401, "the token is wrong"), "wrong");
    }
    const auto& who = std::get<Who>(verdict);
    Sessions::Opened session;
    {
        const std::lock_guard lock(mutex_);
        session = sessions_.open(who.name, Clock::now());
    }
    log::info("auth.logged_in", {{"who", who.name}, {"from", request.peer}});
    auto response =
        is_page
            ? redirect(next)
            : as_json(200,
                      {{"name", who.name}, {"role", name_of(who.role)}, {"csrf", session.csrf}});
    response.headers.set("Set-Cookie",
                         cookie_header(request, session.cookie, sessions_.limits().age));
    response.headers.set("Cache-Control", "no-store");
    co_return response;
}

Task<net::Response> Doorkeeper::log_out(Asked asked) {
    {
        const std::lock_guard lock(mutex_);
        sessions_.close(cookie_of(asked.request));
    }
    auto response = is_from_browser(asked.request)
                        ? redirect("/login")
                        : as_json(200, json::object{{"logged_out", true}});
    response.headers.set("Set-Cookie", cookie_header(asked.request, "", std::chrono::seconds(0)));
    co_return response;
}

void Doorkeeper::add_to(Routes& routes, std::string login_page, json::object more) {
    routes.add({{"GET"},
                "/login",
                Access::open,
                "the form to log in with a token",
                [page = std::move(login_page)](const Asked&) -> Task<net::Response> {
                    if (page.empty())
                        co_return refusal(404,
                                          "the login page is not installed; POST /login works");
                    net::Response response;
                    response.content_type = "text/html; charset=utf-8";
                    response.body = page;
                    set_page_policy(response);
                    co_return response;
                }});
    routes.add({{"POST"},
                "/login",
                Access::open,
                "log in: the form field token; answers with a cookie",
                [this](Asked asked) { return log_in(std::move(asked)); }});
    routes.add(
        {{"POST"}, "/logout", Access::viewer, "end the browser's session", [this](Asked asked) {
             return log_out(std::move(asked));
         }});
    routes.add({{"GET"},
                "/dashboard/api/me",
                Access::viewer,
                "who asks: name, role, and the CSRF token of a browser's session",
                [more = std::move(more)](Asked asked) -> Task<net::Response> {
                    json::object me{{"name", asked.who.name},
                                    {"role", name_of(asked.who.role)},
                                    {"csrf", asked.who.csrf}};
                    for (const auto& field : more) me[field.key()] = field.value();
                    co_return as_json(200, me);
                }});
}

}  // namespace parley::ops
