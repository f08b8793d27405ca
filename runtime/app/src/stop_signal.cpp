#include "stop_signal.hpp"

#include <parley/core/log.hpp>

#include <csignal>

namespace parley::app {

// When the drain limit is over calls say goodbye, which takes a sentence; then the process ends whatever still runs.
constexpr std::chrono::seconds wrap_up_reserve{15};

StopSignal::StopSignal(boost::asio::io_context& home, call::Switchboard& switchboard, std::chrono::seconds drain_limit)
    : signals_(home, SIGTERM, SIGINT), limit_(home), switchboard_(switchboard), drain_limit_(drain_limit) {
    listen();
}

void StopSignal::listen() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (is_draining_) {
            log::warn("server.stopped_at_once", {{"calls", switchboard_.live_count()}});
            return finish();
        }
        drain(signal);
        listen();
    });
}

void StopSignal::drain(int signal) {
    is_draining_ = true;
    log::info("server.draining", {{"signal", signal}, {"calls", switchboard_.live_count()}, {"limit_s", drain_limit_.count()}});
    limit_.expires_after(drain_limit_ + wrap_up_reserve);
    limit_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        log::error("server.drain_limit_passed", {{"calls", switchboard_.live_count()}});
        finish();
    });
    switchboard_.drain([this] { finish(); });
}

void StopSignal::finish() {
    std::call_once(once_, [this] { finished_.set_value(); });
}

}  // namespace parley::app
