#include "health.hpp"

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>

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
    net::Response response;
    response.content_type = "application/json";
    response.body = json::serialize(body);
    return response;
}

}  // namespace parley::app
