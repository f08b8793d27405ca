#include "health.hpp"

#include <parley/core/clock.hpp>
#include <parley/ops/answers.hpp>

namespace parley::app {

net::Response Health::answer() const {
    const auto store = store_.health();
    json::object body;
    body["status"] = store.is_well ? "ok" : "degraded";
    body["timestamp"] = iso8601(std::chrono::system_clock::now());
    body["uptime"] = std::chrono::duration_cast<std::chrono::seconds>(
                         std::chrono::steady_clock::now() - started_)
                         .count();
    body["calls"] = switchboard_.live_count();
    body["store"] = store.is_well ? "ok" : store.problem;
    return ops::as_json(200, body);
}

void Health::add_to(ops::Routes& routes) const {
    routes.add({{"GET"},
                "/health",
                ops::Access::open,
                "whether the process is fit to take calls",
                [this](const ops::Asked&) -> Task<net::Response> { co_return answer(); }});
}

}  // namespace parley::app
