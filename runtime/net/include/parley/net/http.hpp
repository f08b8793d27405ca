// http.hpp: HTTP as plain values, and a client for single requests.
#pragma once

#include <parley/core/result.hpp>
#include <parley/core/task.hpp>

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::net {

// Header names compare without case; order is kept; a name may repeat.
class Headers {
 public:
    void set(std::string name, std::string value);  // replaces all of that name
    void add(std::string name, std::string value);
    // The first value, or nothing.
    std::optional<std::string_view> get(std::string_view name) const;
    const std::vector<std::pair<std::string, std::string>>& all() const { return fields_; }

 private:
    std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
    std::string method;  // "GET", upper case
    std::string target;  // as on the wire, undecoded: "/voice?x=1"
    Headers headers;
    std::string body;
    std::string peer;  // "127.0.0.1:53122"; only of received requests

    std::string_view path() const;   // the target before '?'
    std::string_view query() const;  // what follows the first '?', or ""
};

class BodyStream;

struct Response {
    int status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body = {};
    Headers headers = {};
    // of a server's answer: what follows `body`, piece by piece
    std::shared_ptr<BodyStream> stream = {};
};

// "https://host:8443/path?x" taken apart. `port` is filled in from the scheme (80, 443; ws, wss
// likewise).
struct Url {
    std::string scheme;  // lower case: http, https, ws, wss
    std::string host;    // without brackets for IPv6
    std::string port;
    std::string target;  // path and query; "/" when empty

    bool is_secure() const { return scheme == "https" || scheme == "wss"; }
    // "host", or "host:port" where the port is not the scheme's own.
    std::string authority() const;
    static Checked<Url> parse(std::string_view text);
};

// Per cent decoding of a form or query: '+' is a space, bad escapes stay as they are.
// Pairs in the order of the text; empty values kept.
std::vector<std::pair<std::string, std::string>> parse_form(std::string_view text);
std::string encode_form(const std::vector<std::pair<std::string, std::string>>& fields);
// RFC 3986: everything but A-Z a-z 0-9 - . _ ~ is escaped.
std::string percent_encode(std::string_view text);

struct RequestLimits {
    std::chrono::milliseconds timeout{10'000};  // connect, send and receive together
    std::size_t response_bytes_max = 4 * 1024 * 1024;
    // Asked about each address before it is connected to; empty: any will do. What it refuses is
    // passed over, and when nothing is left the request fails as not_allowed. It sees the very
    // address that is connected to, so a name that changes its address after a check (DNS
    // rebinding) gains nothing.
    std::function<bool(const boost::asio::ip::address&)> may_connect = {};
};

// Why there is no response.
struct FetchFailure {
    enum class Kind {
        invalid,      // the request cannot be put on the wire as it is
        dns,          // the name has no address
        not_allowed,  // may_connect refused all its addresses
        refused,      // nothing listens there, or it cannot be reached
        tls,          // the handshake failed or the certificate was not accepted
        timeout,
        too_large,  // the response is over its limit
        broken,     // the connection ended early, or what came is not HTTP
    };
    Kind kind = Kind::broken;
    std::string what;  // for people: "could not resolve crm.example: host not found"
    boost::system::error_code code;
};
[[noreturn]] void throw_exception_from_error(const FetchFailure& failure,
                                             const boost::source_location&);

// One request on its own connection; certificates are checked against the system's store; redirects
// are not followed. An empty method is GET, an empty target the URL's. Host, Content-Length and
// Connection are filled in. The response's headers hold its Content-Type too.
// Errors: resolve, connect, TLS, timeout (asio::error::timed_out), a response over the limit,
// characters that HTTP does not allow (asio::error::invalid_argument).
// Runs on the caller's executor, which must be an io_context's.
Task<Result<Response>> fetch(Url url, Request request, RequestLimits limits = {});
// The same, with the reason.
Task<boost::system::result<Response, FetchFailure>> fetch_or_why(Url url, Request request,
                                                                 RequestLimits limits);

// The body of an answer as it comes.
struct Pieces {
    // Once, before the first piece: status and headers of an answer with 200 to 299.
    std::function<void(const Response& head)> began;
    // False: no more is wanted, and the request ends as it is. The next is read when it completes.
    std::function<Task<bool>(std::string piece)> take;
};
// The same, with the body handed on in pieces; the answer's own body is then empty. An answer with
// another status comes whole, without them. `response_bytes_max` is of all pieces together.
Task<boost::system::result<Response, FetchFailure>> fetch_in_pieces(Url url, Request request,
                                                                    RequestLimits limits,
                                                                    Pieces pieces);

// Whether an address belongs to this machine, its network or to nobody: loopback, private,
// link-local (where clouds keep their metadata), shared, multicast, reserved, and IPv6 forms of
// these. Scripts must not reach them by accident.
bool is_internal(const boost::asio::ip::address& address);

}  // namespace parley::net
