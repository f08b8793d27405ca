// health.hpp: GET /health: is this process alive, and what is wrong with it? GET /ready: does it take new
// calls?
#pragma once

#include <parley/call/switchboard.hpp>
#include <parley/ops/routes.hpp>
#include <parley/store/store.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace parley::app {

class Health {
 public:
    // What does not work: {"redis", "does not answer"}.
    using Problems = std::function<std::vector<std::pair<std::string, std::string>>()>;

    Health(const call::Switchboard& switchboard, const store::Store& store, Problems problems)
        : switchboard_(switchboard),
          store_(store),
          problems_(std::move(problems)),
          started_(std::chrono::steady_clock::now()) {}

    // 200 {"status":"ok"|"degraded","timestamp":ISO
    // 8601,"uptime":seconds,"calls":n,"store":"ok"|what is wrong}, and what else is wrong by its name. Degraded means calls go on but
    // something needs a person; the status stays 200, for a balancer must not take a node out of
    // service because its disk is full.
    net::Response answer() const;
    // 200 {"status":"ready", ...the same}, or 503 {"status":"draining", ...}: calls that run go on,
    // new ones belong elsewhere. What calls do without does not count.
    net::Response ready() const;
    void add_to(ops::Routes& routes) const;

 private:
    // "store" and the problems; whether all is well.
    bool add_parts(json::object& body) const;

    const call::Switchboard& switchboard_;
    const store::Store& store_;
    const Problems problems_;
    const std::chrono::steady_clock::time_point started_;
};

}  // namespace parley::app
