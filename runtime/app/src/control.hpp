// control.hpp: the service's own doors: status, reload, rollback, and figures for Prometheus.
//
//   GET  /api/status       what serves, since when, its calls, the last failure with its line, settings that wait
//   GET  /api/diff         what a reload would change, and the faults it would find; it publishes nothing
//   POST /api/reload       builds the next generation and answers when it serves (200) or is refused (422)
//   POST /api/rollback     back to the generation before (200), or there is none (409)
//   GET  /metrics          Prometheus text
//
// Every one needs `Authorization: Bearer TOKEN`. Errors are {"error": "..."}.
//
// Owner:  serve(); outlives the server's requests. Thread: the server's.
#pragma once

#include <parley/call/switchboard.hpp>
#include <parley/core/metrics.hpp>
#include <parley/core/text.hpp>
#include <parley/net/http.hpp>
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
        Secret token;
    };
    explicit Control(Parts parts)
        : parts_(std::move(parts)), started_(std::chrono::steady_clock::now()) {}

    static bool is_ours(std::string_view path);
    Task<net::Response> answer(net::Request request);

 private:
    bool is_allowed(const net::Request& request) const;
    net::Response status() const;
    net::Response figures();
    Task<net::Response> ask(reload::Reloader::Ask what);

    Parts parts_;
    const std::chrono::steady_clock::time_point started_;
};

}  // namespace parley::app
