// http_exchange.hpp: one request of a script, through redirects and retries, as decisions without
// I/O.
//
// It says what to send and how long to wait; whoever has the sockets reports what came. It ends
// with a response or a problem, once. Everything happens within one budget of time.
//
//   redirects  up to five, to allowed hosts only; never from https to http; another host gets no credentials
//   retries    only where repeating does no harm (GET, HEAD, PUT, DELETE, OPTIONS), or where the script asks for it;
//              after 200 ms, 400 ms, ..., or as long as Retry-After says, if that is within the budget
#pragma once

#include "http_rules.hpp"
#include "requests.hpp"

#include <parley/core/clock.hpp>
#include <parley/net/http.hpp>

#include <optional>
#include <variant>

namespace parley::script {

struct HttpWish {
    net::Url url;
    net::Request request;             // method, headers and body; the target is the URL's
    milliseconds budget{10'000};      // for everything together
    std::optional<int> retries = {};  // nothing: two where repeating does no harm, else none
};

class HttpExchange {
 public:
    struct Send {
        net::Url url;
        net::Request request;
        milliseconds timeout;
    };
    struct Wait {
        milliseconds span;  // then on_waited()
    };
    using Finish = boost::system::result<net::Response, Problem>;
    using Step = std::variant<Send, Wait, Finish>;

    HttpExchange(HttpWish wish, const HttpRules& rules) : wish_(std::move(wish)), rules_(rules) {}

    Step start(TimePoint now);
    Step on_response(net::Response response, TimePoint now, WallTime wall_now);
    Step on_failure(const net::FetchFailure& failure, TimePoint now);
    Step on_waited(TimePoint now);

 private:
    Step send(TimePoint now);
    Step follow(const net::Response& response, TimePoint now);
    // A pause before the next try; nothing when there is none left, or no time for it.
    std::optional<Wait> pause_before_retry(std::optional<milliseconds> wanted, TimePoint now);
    Problem out_of_time() const;

    HttpWish wish_;
    const HttpRules& rules_;
    TimePoint deadline_{};
    int redirects_ = 0;
    int tries_ = 0;  // that failed
};

// `location` as seen from `base`: absolute, "//host/x", "/x" or "x".
std::optional<net::Url> url_from(const net::Url& base, std::string_view location);
// "120", or a date such as "Wed, 21 Oct 2026 07:28:00 GMT".
std::optional<milliseconds> retry_after(std::string_view value, WallTime now);

}  // namespace parley::script
