// sim_test_support.hpp: a client of the simulated model and a voice application for the simulated
// Twilio, for tests.
#pragma once

#include "../../eventually.hpp"

#include <parley/core/json.hpp>
#include <parley/net/server.hpp>
#include <parley/net/websocket.hpp>
#include <parley/sim/openai_server.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <stdexcept>

namespace parley::sim {

constexpr std::chrono::seconds generous{30};

inline SessionRecord wait_until_closed(OpenAiServer& server) {
    SessionRecord record;
    if (!eventually([&] {
            record = server.sessions().back();
            return !record.is_open;
        })) {
        throw std::runtime_error("the session stayed open");
    }
    return record;
}

// One WebSocket client with its own thread; collects what comes.
class TestClient {
 public:
    explicit TestClient(std::uint16_t port,
                        std::string target = "/v1/realtime?model=gpt-realtime-2.1")
        : TestClient(port, std::move(target), with_key()) {}
    TestClient(std::uint16_t port, std::string target, net::Headers headers) {
        threads_.start();
        net::Url url{"ws", "127.0.0.1", std::to_string(port), std::move(target)};
        asio::co_spawn(threads_.context(0), talk(this, std::move(url), std::move(headers)),
                       asio::detached);
    }
    ~TestClient() { threads_.stop(); }

    void send(std::string text) {
        asio::post(threads_.context(0), [this, text = std::move(text)] {
            if (socket_ != nullptr) socket_->send(text);
        });
    }
    void close() {
        asio::post(threads_.context(0), [this] {
            if (socket_ != nullptr) socket_->close(1000, "");
        });
    }
    void wait_for(std::string_view type) {
        wait([&] { return has(type); }, type);
    }
    void wait_for_end() {
        wait([&] { return is_over_; }, "the end");
    }
    void wait_for_end_or(std::string_view type) {
        wait([&] { return is_over_ || has(type); }, "the end");
    }
    std::vector<json::object> events() {
        const std::lock_guard lock(mutex_);
        return events_;
    }
    std::vector<std::string> types() {
        std::vector<std::string> out;
        for (const auto& event : events()) out.push_back(json_read::text(event, "type"));
        return out;
    }
    net::CloseReason end() {
        const std::lock_guard lock(mutex_);
        return end_;
    }
    bool was_refused() {
        const std::lock_guard lock(mutex_);
        return was_refused_;
    }
    int http_status() {
        const std::lock_guard lock(mutex_);
        return http_status_;
    }

 private:
    static net::Headers with_key() {
        net::Headers headers;
        headers.set("Authorization", "Bearer sk-test");
        return headers;
    }
    static Task<> talk(TestClient* self, net::Url url, net::Headers headers) {
        net::WebSocketLimits limits;
        limits.message_bytes_max = 16 * 1024 * 1024;
        auto connected = co_await net::connect(std::move(url), std::move(headers), limits);
        if (!connected) {
            const std::lock_guard lock(self->mutex_);
            self->was_refused_ = true;
            self->http_status_ = connected.error().http_status;
            self->is_over_ = true;
            self->changed_.notify_all();
            co_return;
        }
        self->socket_ = *connected;
        std::function<void(net::Message)> hear = [self](net::Message message) {
            const std::lock_guard lock(self->mutex_);
            if (auto parsed = json_read::parse(message.data))
                self->events_.push_back(parsed->get_object());
            self->changed_.notify_all();
        };
        const auto reason = co_await self->socket_->run(std::move(hear));
        const std::lock_guard lock(self->mutex_);
        self->end_ = reason;
        self->is_over_ = true;
        self->changed_.notify_all();
    }
    bool has(std::string_view type) const {
        return std::any_of(events_.begin(), events_.end(), [&](const json::object& event) {
            return json_read::text(event, "type") == type;
        });
    }
    void wait(const std::function<bool()>& is_so, std::string_view what) {
        std::unique_lock lock(mutex_);
        if (!changed_.wait_for(lock, generous, is_so))
            throw std::runtime_error("waited in vain for " + std::string(what));
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<json::object> events_;
    net::CloseReason end_;
    bool is_over_ = false;
    bool was_refused_ = false;
    int http_status_ = 0;
    net::IoThreads threads_{1};
    std::shared_ptr<net::WebSocket> socket_;  // dies before the threads it lives on
};

}  // namespace parley::sim
