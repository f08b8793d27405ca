#include "reload_signal.hpp"

#include <csignal>

namespace parley::app {

ReloadSignal::ReloadSignal(boost::asio::io_context& home, reload::Reloader& reloader)
    : signals_(home, SIGHUP), reloader_(reloader) {
    listen();
}

void ReloadSignal::listen() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
        if (error) return;
        // What comes of it stands in the log and in the status.
        reloader_.ask(reload::Reloader::Ask::reload, reload::Cause::signal,
                      [](const reload::Outcome&) {});
        listen();
    });
}

}  // namespace parley::app
