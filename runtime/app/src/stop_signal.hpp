// stop_signal.hpp: SIGTERM and SIGINT: new calls are refused, the running ones may finish, then the
// service ends.
#pragma once

#include <parley/call/switchboard.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <future>

namespace parley::app {

// Thread: the signals arrive on `home`, where `draining` is called as well; wait() and has_come_within()
//         block the main thread.
// End:    wait() returns when the last call is over, at the time limit, or at a second signal.
class StopSignal {
 public:
    StopSignal(boost::asio::io_context& home, call::Switchboard& switchboard,
               std::chrono::seconds drain_limit, std::function<void()> draining = {});
    void wait() { end_.wait(); }
    bool has_come_within(std::chrono::seconds limit) {
        return end_.wait_for(limit) == std::future_status::ready;
    }

 private:
    void listen();
    void drain(int signal);
    void finish();  // from any thread, any number of times

    boost::asio::signal_set signals_;
    boost::asio::steady_timer limit_;
    call::Switchboard& switchboard_;
    const std::chrono::seconds drain_limit_;
    const std::function<void()> draining_;
    bool is_draining_ = false;
    std::once_flag once_;
    std::promise<void> finished_;
    std::future<void> end_{finished_.get_future()};
};

}  // namespace parley::app
