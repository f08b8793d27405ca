// control.hpp: status, reload, rollback, and figures for Prometheus.
//
//   GET  /api/status       what serves, since when, its calls, the last failure with its line, settings that wait
//   GET  /api/diff         what a reload would change, and the faults it would find; it publishes nothing
//   POST /api/reload       builds the next generation and answers when it serves (200) or is refused (422)
//   POST /api/rollback     back to the generation before (200), or there is none (409)
//   GET  /metrics          Prometheus text
//
// Owner:  serve(); outlives the server's requests. Thread: the server's.
#pragma once

#include <parley/call/switchboard.hpp>
#include <parley/core/metrics.hpp>
#include <parley/ops/routes.hpp>
#include <parley/reload/reloader.hpp>

#include <chrono>

namespace parley::app {

class Control {
 public:
    struct Parts {
        const call::Switchboard& switchboard;
        reload::Generations& generations;
        reload::Reloader& reloader;
        metrics::Registry& registry;
        std::function<void()> publish;  // what others have to tell, into the registry
    };
    explicit Control(Parts parts)
        : parts_(std::move(parts)), started_(std::chrono::steady_clock::now()) {}

    void add_to(ops::Routes& routes);
    // The body of GET /api/status. From any thread.
    json::object status() const;

 private:
    Task<net::Response> figures();
    void publish(const std::vector<call::Session::Snapshot>& calls);
    Task<net::Response> ask(reload::Reloader::Ask what);

    Parts parts_;
    const std::chrono::steady_clock::time_point started_;
};

}  // namespace parley::app
