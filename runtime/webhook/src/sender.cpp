#include <parley/webhook/sender.hpp>

#include <parley/core/log.hpp>
#include <parley/net/http.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <charconv>
#include <condition_variable>
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include <pthread.h>

namespace parley::webhook {
namespace {

constexpr std::size_t answer_bytes_max = 64 * 1024;

std::optional<std::chrono::seconds> retry_after(const net::Response& response) {
    const auto header = trim(response.headers.get("Retry-After").value_or(""));
    std::int64_t seconds = 0;
    const auto [end, error] =
        std::from_chars(header.data(), header.data() + header.size(), seconds);
    if (error != std::errc() || end != header.data() + header.size() || header.empty() ||
        seconds < 0)
        return std::nullopt;
    return std::chrono::seconds(seconds);
}

}  // namespace

struct Sender::Impl {
    Impl(Options wanted, store::Store& where) : options(std::move(wanted)), store(where) {}

    void look();
    void arm();
    Task<> deliver(store::Delivery delivery);
    Task<Outcome> attempt(const store::Delivery& delivery, const Receiver& receiver);
    void settle(store::Delivery delivery, Outcome outcome, const Patience& patience);

    const Options options;
    store::Store& store;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    asio::steady_timer timer{io};
    std::map<std::string, net::Url> urls;
    std::set<std::string> under_way;  // ids; the io thread's
    std::mt19937 random{std::random_device()()};

    mutable std::mutex mutex;  // for what follows
    Health health;

    std::thread thread;
};

// The answers of the store come on its thread. They are posted to ours, which is gone when the
// sender is: `io` is then stopped, and the store, which outlives it, is asked nothing more.
void Sender::Impl::look() {
    store.count_deliveries([this](store::Store::DeliveryCounts counts) {
        const std::lock_guard lock(mutex);
        health.waiting = counts.waiting;
        health.dead = counts.dead;
        health.oldest_waiting_at_ms = counts.oldest_waiting_at_ms;
    });
    const auto room = options.at_once_max - std::min(options.at_once_max, under_way.size());
    if (room == 0) return arm();
    // Those under way are still due: ask for as many more.
    store.due_deliveries(std::chrono::system_clock::now(), room + under_way.size(),
                         [this](auto due) {
                             asio::post(io, [this, due = std::move(due)] {
                                 if (due) {
                                     for (const auto& delivery : *due) {
                                         if (under_way.size() >= options.at_once_max) break;
                                         if (!under_way.insert(delivery.id).second) continue;
                                         asio::co_spawn(io, deliver(delivery), asio::detached);
                                     }
                                 }
                                 arm();
                             });
                         });
}

void Sender::Impl::arm() {
    timer.expires_after(options.look_every);
    timer.async_wait([this](boost::system::error_code error) {
        if (!error) look();
    });
}

Task<> Sender::Impl::deliver(store::Delivery delivery) {
    const auto receiver = options.receivers.find(delivery.webhook);
    if (receiver == options.receivers.end()) {
        settle(std::move(delivery), {0, "the settings know no webhook of this name any more"}, {});
        co_return;
    }
    auto outcome = co_await attempt(delivery, receiver->second);
    settle(std::move(delivery), std::move(outcome), receiver->second.patience);
}

Task<Outcome> Sender::Impl::attempt(const store::Delivery& delivery, const Receiver& receiver) {
    net::Request request;
    request.method = "POST";
    request.headers.set("Content-Type", "application/json");
    request.headers.set("User-Agent", "parley");
    request.headers.set("Parley-Delivery", delivery.id);
    request.headers.set("Parley-Attempt", std::to_string(delivery.attempts + 1));
    if (!receiver.secret.empty()) {
        const auto now = unix_ms(std::chrono::system_clock::now()) / 1'000;
        request.headers.set("Parley-Signature", signature(receiver.secret, now, delivery.body));
    }
    request.body = delivery.body;
    net::RequestLimits limits;
    limits.timeout = options.timeout;
    limits.response_bytes_max = answer_bytes_max;
    net::Url url = urls.at(delivery.webhook);
    const auto answer =
        co_await net::fetch_or_why(std::move(url), std::move(request), std::move(limits));
    Outcome outcome;
    if (answer) {
        outcome.status = answer->status;
        outcome.retry_after = retry_after(*answer);
    } else {
        outcome.problem = answer.error().what;
    }
    co_return outcome;
}

void Sender::Impl::settle(store::Delivery delivery, Outcome outcome, const Patience& patience) {
    using State = store::Delivery::State;
    const std::string id = delivery.id;
    const double spread = std::uniform_real_distribution<double>(0, 1)(random);
    delivery =
        settled(std::move(delivery), outcome, patience, std::chrono::system_clock::now(), spread);
    const bool is_delivered = delivery.state == State::delivered;
    {
        const std::lock_guard lock(mutex);
        ++(is_delivered ? health.delivered : health.failed);
        health.problem = is_delivered ? "" : delivery.webhook + ": " + delivery.problem;
    }
    if (is_delivered) {
        log::info("webhook.delivered", {{"call", delivery.call_sid},
                                        {"webhook", delivery.webhook},
                                        {"attempt", delivery.attempts}});
    } else if (delivery.state == State::dead) {
        log::error("webhook.dead",
                   {{"call", delivery.call_sid},
                    {"webhook", delivery.webhook},
                    {"id", delivery.id},
                    {"what", delivery.problem},
                    {"remedy", "mend the receiver, then `parley webhooks retry ID`"}});
    } else {
        log::warn("webhook.failed", {{"call", delivery.call_sid},
                                     {"webhook", delivery.webhook},
                                     {"attempt", delivery.attempts},
                                     {"what", delivery.problem}});
    }
    store.settle_delivery(
        std::move(delivery), [this, id](std::optional<store::QueryProblem> problem) {
            if (problem)
                log::error(
                    "webhook.not_settled",
                    {{"id", id}, {"what", problem->message}, {"effect", "it is sent once more"}});
            asio::post(io, [this, id] { under_way.erase(id); });
        });
}

Checked<std::unique_ptr<Sender>> Sender::start(Options options, store::Store& store) {
    auto impl = std::make_unique<Impl>(std::move(options), store);
    for (const auto& [name, receiver] : impl->options.receivers) {
        auto url = net::Url::parse(receiver.url);
        if (!url) {
            return Fault{"webhooks." + name + ".url", url.error().what,
                         "use an address such as https://crm.example.com/hooks/parley"};
        }
        impl->urls.emplace(name, std::move(*url));
    }
    auto* running = impl.get();
    impl->thread = std::thread([running] {
        pthread_setname_np(pthread_self(), "parley-webhook");
        running->io.run();
    });
    asio::post(impl->io, [running] { running->look(); });
    return std::unique_ptr<Sender>(new Sender(std::move(impl)));
}

Sender::Sender(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Sender::~Sender() {
    impl_->io.stop();
    impl_->thread.join();
    // What the store still has for us comes before the answer to this.
    std::mutex mutex;
    std::condition_variable answered;
    bool is_answered = false;
    impl_->store.count_deliveries([&](store::Store::DeliveryCounts) {
        const std::lock_guard lock(mutex);
        is_answered = true;
        answered.notify_one();
    });
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return is_answered; });
}

Sender::Health Sender::health() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->health;
}

}  // namespace parley::webhook
