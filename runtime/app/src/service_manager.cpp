#include "service_manager.hpp"

#include <parley/core/log.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

namespace parley::app {
namespace {

// So that one round may be late without the manager losing patience.
constexpr int rounds_per_watchdog = 3;

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::int64_t number_in(const std::string& text) {
    std::int64_t number = 0;
    const auto end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    return read.ec == std::errc() && read.ptr == end ? number : 0;
}

}  // namespace

ServiceManager::Options ServiceManager::from_environment() {
    Options options;
    options.socket = variable("NOTIFY_SOCKET");
    const auto whose = variable("WATCHDOG_PID");
    // The variables may be inherited from a service that started us for a purpose of its own.
    if (whose.empty() || number_in(whose) == getpid())
        options.watchdog = std::chrono::microseconds(
            std::max<std::int64_t>(0, number_in(variable("WATCHDOG_USEC"))));
    return options;
}

ServiceManager::ServiceManager(Options options, std::vector<boost::asio::any_io_executor> homes,
                               std::function<std::string()> status)
    : options_(std::move(options)),
      homes_(std::move(homes)),
      status_(std::move(status)),
      timer_(homes_.front()) {
    const auto& name = options_.socket;
    if (name.empty()) return;
    if ((name[0] != '/' && name[0] != '@') || name.size() >= sizeof(address_.sun_path)) {
        log::warn("server.manager_unreachable",
                  {{"socket", name}, {"what", "is neither a path nor @NAME, or too long"}});
        return;
    }
    address_.sun_family = AF_UNIX;
    name.copy(address_.sun_path, name.size());
    if (name[0] == '@') address_.sun_path[0] = '\0';
    address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

ServiceManager::~ServiceManager() {
    if (socket_ >= 0) close(socket_);
}

void ServiceManager::ready() {
    if (socket_ < 0) return;
    boost::asio::post(homes_.front(), [this] {
        send("READY=1\n", 0);  // may wait: without it the start would count as failed
        begin_round();
    });
}

void ServiceManager::draining() { send("STOPPING=1\n"); }

void ServiceManager::begin_round() {
    still_silent_ = homes_.size();
    for (const auto& home : homes_) {
        boost::asio::post(home,
                          [this] { boost::asio::post(homes_.front(), [this] { answered(); }); });
    }
}

void ServiceManager::answered() {
    if (--still_silent_ > 0) return;
    send((options_.watchdog.count() > 0 ? "WATCHDOG=1\n" : "") + news());
    wait_for_next_round();
}

void ServiceManager::wait_for_next_round() {
    std::chrono::microseconds pause = options_.round_every;
    if (options_.watchdog.count() > 0)
        pause = std::min(pause, options_.watchdog / rounds_per_watchdog);
    timer_.expires_after(pause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) begin_round();
    });
}

std::string ServiceManager::news() {
    auto status = status_();
    if (status == last_status_) return "";
    last_status_ = std::move(status);
    return "STATUS=" + last_status_ + "\n";
}

void ServiceManager::send(std::string_view text, int flags) {
    if (socket_ < 0 || text.empty()) return;
    const auto sent = ::sendto(socket_, text.data(), text.size(), flags | MSG_NOSIGNAL,
                               reinterpret_cast<const sockaddr*>(&address_), address_size_);
    const bool is_lost = sent < 0;
    // Told once, not every second.
    if (is_lost && !is_unreachable_)
        log::warn("server.manager_unreachable",
                  {{"socket", options_.socket}, {"what", std::strerror(errno)}});
    is_unreachable_ = is_lost;
}

}  // namespace parley::app
