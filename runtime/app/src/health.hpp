// health.hpp: GET /health: is this process fit to take calls?
#pragma once

#include <parley/call/switchboard.hpp>
#include <parley/ops/routes.hpp>
#include <parley/store/store.hpp>

namespace parley::app {

class Health {
 public:
    Health(const call::Switchboard& switchboard, const store::Store& store)
        : switchboard_(switchboard), store_(store), started_(std::chrono::steady_clock::now()) {}

    // 200 {"status":"ok"|"degraded","timestamp":ISO
    // 8601,"uptime":seconds,"calls":n,"store":"ok"|what is wrong}. Degraded means calls go on but
    // something needs a person; the status stays 200, for a balancer must not take a node out of
    // service because its disk is full.
    net::Response answer() const;
    void add_to(ops::Routes& routes) const;

 private:
    const call::Switchboard& switchboard_;
    const store::Store& store_;
    const std::chrono::steady_clock::time_point started_;
};

}  // namespace parley::app
