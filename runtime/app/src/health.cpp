#include "health.hpp"

#include <parley/core/clock.hpp>
#include <parley/ops/answers.hpp>

namespace parley::app {

bool Health::add_parts(json::object& body) const {
    const auto store = store_.health();
    body["store"] = store.is_well ? "ok" : store.problem;
    const auto problems = problems_();
    for (const auto& [name, what] : problems) body[name] = what;
    return store.is_well && problems.empty();
}

net::Response Health::answer() const {
    json::object body{{"status", "ok"}};
    body["timestamp"] = iso8601(std::chrono::system_clock::now());
    body["uptime"] = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::steady_clock::now() - started_)
                         .count();
    body["calls"] = switchboard_.live_count();
    if (!add_parts(body)) body["status"] = "degraded";
    return ops::as_json(200, body);
}

net::Response Health::ready() const {
    const bool is_draining = switchboard_.is_draining();
    json::object body{{"status", is_draining ? "draining" : "ready"}};
    add_parts(body);
    return ops::as_json(is_draining ? 503 : 200, body);
}

void Health::add_to(ops::Routes& routes) const {
    routes.add({{"GET"},
                "/health",
                ops::Access::open,
                "whether the process is fit to take calls",
                [this](const ops::Asked&) -> Task<net::Response> { co_return answer(); }});
    routes.add({{"GET"},
                "/ready",
                ops::Access::open,
                "whether it takes new calls",
                [this](const ops::Asked&) -> Task<net::Response> { co_return ready(); }});
}

}  // namespace parley::app
