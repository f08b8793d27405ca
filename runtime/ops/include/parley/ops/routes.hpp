// routes.hpp: every path that the service answers, who may ask for it, and what it is for, in one
// table.
//
// What all routes have in common is done here: 404 for unknown paths, 405 with Allow, HEAD as GET,
// 401 and 403 by the route's access, headers against misuse in browsers. A route without an access
// cannot be written, so none can be forgotten; `parley routes` and GET /api/routes print the table.
//
// Owner:  serve(), which adds all routes before the server listens.
// Thread: add() while nobody asks; answer() and all() from any thread.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/result.hpp>
#include <parley/core/task.hpp>
#include <parley/net/http.hpp>

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace parley::ops {

// From least to most: who is `operating` may do all that a viewer may.
enum class Access {
    open,       // anyone
    carrier,    // signed by the carrier; the handler checks it
    viewer,     // may look
    operating,  // may act: reload, call, end calls. Its name is "operator", which C++ keeps
    admin,      // may decide who else may
};
std::string_view name_of(Access access);
std::optional<Access> access_named(std::string_view name);

// The one who asks.
struct Who {
    std::string name;  // of the token: "admin", "front-desk"; empty where anyone may ask
    Access role = Access::open;
    // of a browser's session: what its forms and scripts must send along to change something
    std::string csrf = {};
};

struct Asked {
    net::Request request;
    std::map<std::string, std::string, std::less<>> params;  // of the path, decoded
    Who who;

    std::string param(std::string_view name) const;  // "" when there is none
    std::optional<std::string> query(std::string_view name) const;
    // The body as a JSON object; Fault says what is wrong with it.
    Checked<json::object> json_body() const;
};

struct Route {
    std::vector<std::string> methods;  // "GET" answers HEAD as well, unless the carrier asks
    // "/api/transcript/:callSid"; a last segment "*" takes all that follows, as the param "*"
    std::string path;
    Access access = Access::admin;
    std::string about;  // one line for people
    std::function<Task<net::Response>(Asked)> answer;
};

// Who may pass. Thread: any.
class Guard {
 public:
    virtual ~Guard() = default;
    // Of a request that needs a role: who asks, or the answer that turns them away.
    virtual std::variant<Who, net::Response> admit(const net::Request& request, Access needed) = 0;
};

// A request that was to change something, and how it was answered.
struct Deed {
    Who who;
    std::string method;
    std::string path;  // as asked, without the query
    std::string peer;
    int status = 0;
};

class Routes {
 public:
    // `guard` outlives it.
    explicit Routes(Guard& guard) : guard_(guard) {}

    // Told of each deed of those who have a role, refused ones too.
    void set_witness(std::function<void(const Deed&)> witness) { witness_ = std::move(witness); }

    // Bug when a method and path are there already, or the path is not one.
    void add(Route route);
    Task<net::Response> answer(net::Request request);
    const std::vector<Route>& all() const { return routes_; }
    // [{"methods", "path", "access", "about"}]
    json::array to_json() const;

 private:
    struct Found {
        std::vector<const Route*> routes;  // of that path, most particular first
        std::map<std::string, std::string, std::less<>> params;
    };
    Found find(std::string_view path) const;
    net::Response not_there(const net::Request& request) const;

    Guard& guard_;
    std::function<void(const Deed&)> witness_;
    std::vector<Route> routes_;
};

// GET /api/routes: the table itself.
void add_table(Routes& routes);

}  // namespace parley::ops
