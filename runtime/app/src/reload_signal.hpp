// reload_signal.hpp: SIGHUP asks for a reload, as operators expect of a service.
#pragma once

#include <parley/reload/reloader.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

namespace parley::app {

// Owner: serve(). The reloader outlives it. Thread: the signal arrives on `home`. End: with the
// io_context.
class ReloadSignal {
 public:
    ReloadSignal(boost::asio::io_context& home, reload::Reloader& reloader);

 private:
    void listen();

    boost::asio::signal_set signals_;
    reload::Reloader& reloader_;
};

}  // namespace parley::app
