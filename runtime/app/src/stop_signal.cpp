#include "stop_signal.hpp"

#include <parley/core/log.hpp>

#include <boost/asio/post.hpp>

#include <csignal>

namespace parley::app {

// When the drain limit is over calls say goodbye, which takes a sentence; then the process ends
// whatever still runs.
constexpr std::chrono::seconds wrap_up_reserve{15};
// When a stream has ended the carrier asks how to go on: without an answer its caller hears of an
// "application error".
constexpr std::chrono::milliseconds carrier_asks_within{1'500};

StopSignal::StopSignal(boost::asio::io_context& home, call::Switchboard& switchboard,
                       std::chrono::seconds drain_limit, std::function<void()> draining)
    : signals_(home, SIGTERM, SIGINT),
      limit_(home),
      switchboard_(switchboard),
      drain_limit_(drain_limit),
      draining_(std::move(draining)) {
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
    if (draining_) draining_();
    log::info("server.draining", {{"signal", signal},
                                  {"calls", switchboard_.live_count()},
                                  {"limit_s", drain_limit_.count()}});
    limit_.expires_after(drain_limit_ + wrap_up_reserve);
    limit_.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        log::error("server.drain_limit_passed", {{"calls", switchboard_.live_count()}});
        finish();
    });
    if (switchboard_.live_count() == 0) return switchboard_.drain([this] { finish(); });
    switchboard_.drain([this] {
        boost::asio::post(limit_.get_executor(), [this] {
            limit_.expires_after(carrier_asks_within);
            limit_.async_wait([this](const boost::system::error_code& error) {
                if (!error) finish();
            });
        });
    });
}

void StopSignal::finish() {
    std::call_once(once_, [this] { finished_.set_value(); });
}

}  // namespace parley::app
