#include <parley/ops/routes.hpp>

#include <parley/core/text.hpp>
#include <parley/ops/answers.hpp>

#include <boost/algorithm/string/join.hpp>

#include <algorithm>
#include <array>
#include <set>

namespace parley::ops {
namespace {

constexpr std::array<std::string_view, 5> access_names{"open", "carrier", "viewer", "operator",
                                                       "admin"};

using Params = std::map<std::string, std::string, std::less<>>;

std::string decoded(std::string_view segment) {
    std::string plus_kept;  // in a path a plus is a plus
    for (const char c : segment) plus_kept += c == '+' ? std::string("%2B") : std::string(1, c);
    return net::parse_form("x=" + plus_kept).at(0).second;
}

// "/a/b" -> "a", "b"; one slash at the end does not count.
std::vector<std::string_view> segments_of(std::string_view path) {
    path.remove_prefix(path.starts_with('/') ? 1 : 0);
    if (path.ends_with('/')) path.remove_suffix(1);
    return path.empty() ? std::vector<std::string_view>() : split(path, '/');
}

bool is_open_ended(const std::vector<std::string_view>& pattern) {
    return !pattern.empty() && pattern.back() == "*";
}

// Nothing when the path is not of that pattern.
std::optional<Params> match(const std::vector<std::string_view>& pattern,
                            const std::vector<std::string_view>& path) {
    const bool is_open = is_open_ended(pattern);
    const auto fixed = pattern.size() - (is_open ? 1 : 0);
    if (is_open ? path.size() <= fixed : path.size() != fixed) return std::nullopt;
    Params params;
    for (std::size_t i = 0; i < fixed; ++i) {
        if (pattern[i].starts_with(':')) {
            auto value = decoded(path[i]);
            if (value.empty()) return std::nullopt;
            params.emplace(pattern[i].substr(1), std::move(value));
        } else if (pattern[i] != path[i]) {
            return std::nullopt;
        }
    }
    if (is_open) {
        std::string rest;
        for (auto i = fixed; i < path.size(); ++i)
            rest += (rest.empty() ? "" : "/") + decoded(path[i]);
        params.emplace("*", std::move(rest));
    }
    return params;
}

// Words before names before "*": the more particular pattern is less.
std::string particularity(const std::vector<std::string_view>& pattern) {
    std::string order;
    for (const auto& segment : pattern)
        order += segment == "*" ? '3' : segment.starts_with(':') ? '2' : '1';
    return order;
}

std::string shape_of(const std::string& path) {
    std::string shape;
    for (const auto& segment : segments_of(path))
        shape += "/" + std::string(segment.starts_with(':') ? ":" : segment);
    return shape;
}

bool takes(const Route& route, std::string_view method) {
    return std::find(route.methods.begin(), route.methods.end(), method) != route.methods.end();
}

// A carrier's GET starts a call: to ask what it would answer must not.
bool takes_head(const Route& route) {
    return route.access != Access::carrier && takes(route, "GET");
}

}  // namespace

std::string_view name_of(Access access) {
    return access_names.at(static_cast<std::size_t>(access));
}

std::optional<Access> access_named(std::string_view name) {
    const auto* at = std::find(access_names.begin(), access_names.end(), name);
    if (at == access_names.end()) return std::nullopt;
    return static_cast<Access>(at - access_names.begin());
}

std::string Asked::param(std::string_view name) const {
    const auto found = params.find(name);
    return found == params.end() ? "" : found->second;
}

std::optional<std::string> Asked::query(std::string_view name) const {
    return field(request.query(), name);
}

Checked<json::object> Asked::json_body() const {
    const auto type = request.headers.get("Content-Type").value_or("");
    if (lower(trim(type.substr(0, type.find(';')))) != "application/json")
        return Fault{"Content-Type", "must be application/json"};
    auto body = json_read::parse(request.body);
    if (!body || !body->is_object()) return Fault{"the body", "is not a JSON object"};
    return {boost::system::in_place_value, std::move(body->get_object())};
}

void Routes::add(Route route) {
    ensure(route.path.starts_with('/') && !route.methods.empty() && route.answer,
           "a route has a path, a method and an answer");
    for (const auto& other : routes_) {
        if (shape_of(other.path) != shape_of(route.path)) continue;
        for (const auto& method : route.methods)
            ensure(!takes(other, method), "two routes answer the same method and path");
    }
    routes_.push_back(std::move(route));
}

Routes::Found Routes::find(std::string_view path) const {
    const auto segments = segments_of(path);
    Found found;
    std::string best;
    for (const auto& route : routes_) {
        const auto pattern = segments_of(route.path);
        auto params = match(pattern, segments);
        if (!params) continue;
        auto order = particularity(pattern);
        if (!found.routes.empty() && order > best) continue;
        if (found.routes.empty() || order < best) {
            found = {{}, std::move(*params)};
            best = std::move(order);
        }
        found.routes.push_back(&route);
    }
    return found;
}

// Beside what needs a role, only those who have one are told what there is and what not.
net::Response Routes::not_there(const net::Request& request) const {
    const auto segments = segments_of(request.path());
    const bool is_private = std::any_of(routes_.begin(), routes_.end(), [&](const Route& route) {
        const auto pattern = segments_of(route.path);
        return route.access >= Access::viewer && !segments.empty() && !pattern.empty() &&
               pattern.front() == segments.front();
    });
    if (is_private) {
        auto verdict = guard_.admit(request, Access::viewer);
        if (auto* turned_away = std::get_if<net::Response>(&verdict))
            return std::move(*turned_away);
    }
    return refusal(404, "there is nothing at this path; `parley routes` lists what there is");
}

Task<net::Response> Routes::answer(net::Request request) {
    auto found = find(request.path());
    if (found.routes.empty()) {
        auto response = not_there(request);
        add_security_headers(response, Privacy::open);
        co_return response;
    }
    const bool is_head = request.method == "HEAD";
    const auto chosen =
        std::find_if(found.routes.begin(), found.routes.end(), [&](const Route* route) {
            return is_head ? takes_head(*route) : takes(*route, request.method);
        });
    // who may not see a path is not told how to ask for it either
    const Route& route = chosen == found.routes.end() ? *found.routes.front() : **chosen;
    const auto privacy = route.access >= Access::viewer ? Privacy::confidential : Privacy::open;
    Asked asked{std::move(request), std::move(found.params), {}};
    if (route.access >= Access::viewer) {
        auto verdict = guard_.admit(asked.request, route.access);
        if (auto* turned_away = std::get_if<net::Response>(&verdict)) {
            add_security_headers(*turned_away, privacy);
            co_return std::move(*turned_away);
        }
        asked.who = std::move(std::get<Who>(verdict));
    }
    if (chosen == found.routes.end()) {
        std::set<std::string> allowed;
        for (const auto* each : found.routes) {
            allowed.insert(each->methods.begin(), each->methods.end());
            if (takes_head(*each)) allowed.insert("HEAD");
        }
        const auto list = boost::algorithm::join(allowed, ", ");
        auto response = refusal(405, "use " + list);
        response.headers.set("Allow", list);
        add_security_headers(response, privacy);
        co_return response;
    }
    if (is_head) asked.request.method = "GET";
    const bool is_deed =
        witness_ && route.access >= Access::viewer && asked.request.method != "GET";
    Deed deed;
    if (is_deed) {
        deed = {asked.who, asked.request.method, std::string(asked.request.path()),
                asked.request.peer, 500};
    }
    auto response = co_await route.answer(std::move(asked));
    deed.status = response.status;
    if (is_deed) witness_(deed);
    add_security_headers(response, privacy);
    co_return response;
}

json::array Routes::to_json() const {
    json::array all;
    for (const auto& route : routes_) {
        json::array methods;
        for (const auto& method : route.methods) methods.emplace_back(method);
        all.push_back(json::object{{"methods", std::move(methods)},
                                   {"path", route.path},
                                   {"access", name_of(route.access)},
                                   {"about", route.about}});
    }
    return all;
}

void add_table(Routes& routes) {
    routes.add({{"GET"},
                "/api/routes",
                Access::viewer,
                "every path of the service, and who may ask for it",
                [&routes](const Asked&) -> Task<net::Response> {
                    co_return as_json(200, json::object{{"routes", routes.to_json()}});
                }});
}

}  // namespace parley::ops
