#include "tls.hpp"

#include <parley/core/log.hpp>
#include <parley/core/result.hpp>
#include <parley/net/server.hpp>

#include <boost/asio/executor_work_guard.hpp>

#include <pthread.h>

#include <atomic>
#include <system_error>
#include <thread>

namespace parley::net {
namespace {

// Lua's C stack and its nested calls are sized for this; glibc gives 2 MB where the limit is
// "unlimited".
constexpr std::size_t stack_bytes_min = 8 * 1024 * 1024;

struct Home {
    asio::io_context context{1};  // one thread runs it: Asio then skips needless wake-ups
    asio::executor_work_guard<Executor> stays{context.get_executor()};
    std::atomic<std::size_t> load{0};
    std::string name;
    pthread_t thread = {};
    bool is_running = false;
};

void* run_home(void* argument) {
    Home& home = *static_cast<Home*>(argument);
    while (true) {
        try {
            home.context.run();
            return nullptr;
        } catch (const std::exception& error) {
            // Whatever threw has ended with it; the other calls on this thread go on.
            log::error("net.handler_threw", {{"thread", home.name}, {"what", error.what()}});
        }
    }
}

void launch(Home& home) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    std::size_t bytes = 0;
    pthread_attr_getstacksize(&attributes, &bytes);
    if (bytes < stack_bytes_min) pthread_attr_setstacksize(&attributes, stack_bytes_min);
    const int error = pthread_create(&home.thread, &attributes, run_home, &home);
    pthread_attr_destroy(&attributes);
    if (error != 0) throw std::system_error(error, std::system_category(), "starting an io thread");
    home.is_running = true;
    pthread_setname_np(home.thread, home.name.c_str());
}

}  // namespace

struct IoThreads::Impl {
    std::vector<std::unique_ptr<Home>> homes;
    std::thread certificates;
};

IoThreads::IoThreads(std::size_t count) : impl_(std::make_unique<Impl>()) {
    ensure(count > 0, "there is at least one io thread");
    for (std::size_t i = 0; i < count; ++i) {
        impl_->homes.push_back(std::make_unique<Home>());
        impl_->homes.back()->name = "parley-io-" + std::to_string(i);
    }
}

IoThreads::~IoThreads() {
    stop();
    // What lives on a later thread may still refer to thread 0, where connections begin.
    while (!impl_->homes.empty()) impl_->homes.pop_back();
}

std::size_t IoThreads::count() const { return impl_->homes.size(); }

boost::asio::io_context& IoThreads::context(std::size_t index) {
    return impl_->homes.at(index)->context;
}

std::size_t IoThreads::least_loaded() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < count(); ++i) {
        if (impl_->homes[i]->load < impl_->homes[best]->load) best = i;
    }
    return best;
}

void IoThreads::add_load(std::size_t index) { ++impl_->homes.at(index)->load; }
void IoThreads::drop_load(std::size_t index) { --impl_->homes.at(index)->load; }

void IoThreads::start() {
    for (auto& home : impl_->homes) {
        if (!home->is_running) launch(*home);
    }
    if (!impl_->certificates.joinable())
        impl_->certificates = std::thread([] { tls_client_context(); });
}

void IoThreads::stop() {
    for (auto& home : impl_->homes) home->context.stop();
    for (auto& home : impl_->homes) {
        if (home->is_running) pthread_join(home->thread, nullptr);
        home->is_running = false;
    }
    if (impl_->certificates.joinable()) impl_->certificates.join();
}

}  // namespace parley::net
