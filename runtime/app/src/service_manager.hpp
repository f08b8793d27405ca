// service_manager.hpp: tells systemd, or whatever else started the process and wants to know, how it
// is: it serves, it drains, it lives, and how many calls it has.
//
// The protocol is sd_notify(3): datagrams of NAME=VALUE to the socket that $NOTIFY_SOCKET names.
// Without that variable nothing is sent.
//
// It lives as long as every io thread answers. A question goes round to all of them, and only when
// the last has answered is WATCHDOG=1 sent: a thread that hangs has deaf callers, and new ones would
// come to it, so the manager may start the process anew (WatchdogSec=).
//
// A reload is not told (RELOADING=1): calls are taken all the while, and ExecReload=parley reload
// lasts as long as it does and fails when it fails.
//
// Owner:  serve(). The io threads outlive it.
// Thread: ready() from any; all else runs on the first of `homes`, draining() included.
// End:    with the io threads.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::app {

class ServiceManager {
 public:
    struct Options {
        std::string socket =
            {};  // a path, or @NAME for an abstract one; empty: nobody wants to know
        std::chrono::microseconds watchdog{};  // a sign of life is due within it; 0: none is wanted
        std::chrono::milliseconds round_every{1'000};  // more often where the watchdog wants it
    };
    // $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID.
    static Options from_environment();

    // `status` is one line for people (`systemctl status`), asked on the first home.
    ServiceManager(Options options, std::vector<boost::asio::any_io_executor> homes,
                   std::function<std::string()> status);
    ~ServiceManager();
    ServiceManager(const ServiceManager&) = delete;
    ServiceManager& operator=(const ServiceManager&) = delete;

    void ready();     // calls are taken from now on; the rounds begin
    void draining();  // no new calls are taken

 private:
    void begin_round();
    void answered();
    void wait_for_next_round();
    std::string news();  // STATUS=, when it is another than before
    // What does not fit into the manager's queue is left out: no call waits for it.
    void send(std::string_view text, int flags = MSG_DONTWAIT);

    const Options options_;
    const std::vector<boost::asio::any_io_executor> homes_;
    const std::function<std::string()> status_;
    boost::asio::steady_timer timer_;
    std::size_t still_silent_ = 0;  // io threads that have not answered in this round
    std::string last_status_;
    sockaddr_un address_{};
    socklen_t address_size_ = 0;
    int socket_ = -1;
    bool is_unreachable_ = false;
};

}  // namespace parley::app
