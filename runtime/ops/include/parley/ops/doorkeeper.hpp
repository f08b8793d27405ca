// doorkeeper.hpp: knows by a bearer token or a browser's session who asks, and whether that is
// enough.
//
// A browser sends its cookie along by itself, so whoever comes with one must show by a second
// secret that a page of ours asks: the header X-CSRF-Token or the form's field csrf. Browsers that
// ask for a page without being known are sent to /login.
//
// Owner: serve(). Thread: any.
#pragma once

#include <parley/core/text.hpp>
#include <parley/ops/attempts.hpp>
#include <parley/ops/routes.hpp>
#include <parley/ops/sessions.hpp>
#include <parley/ops/tokens.hpp>

#include <mutex>

namespace parley::ops {

class Doorkeeper final : public Guard {
 public:
    enum class Token { random, chosen };
    // The token that the service was started with is an admin's, under the name "admin".
    Doorkeeper(const Secret& admin_token, Token kind, Attempts::Limits limits = {});

    std::variant<Who, net::Response> admit(const net::Request& request, Access needed) override;

    // GET and POST /login, POST /logout, GET /dashboard/api/me.
    // `login_page`: the HTML of the form; empty: there is none. `more`: what else /me is to tell.
    void add_to(Routes& routes, std::string login_page, json::object more = {});

    Tokens& tokens() { return tokens_; }
    // Its sessions end too.
    bool revoke(std::string_view name);

 private:
    std::variant<Who, net::Response> by_token(const net::Request& request, std::string_view token);
    std::variant<Who, net::Response> by_cookie(const net::Request& request);
    net::Response barred(const std::string& peer);
    Task<net::Response> log_in(Asked asked);
    Task<net::Response> log_out(Asked asked);

    Tokens tokens_;
    std::mutex mutex_;  // for what follows
    Attempts attempts_;
    Sessions sessions_;
};

}  // namespace parley::ops
