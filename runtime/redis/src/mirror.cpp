#include <parley/redis/mirror.hpp>

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>

#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <charconv>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <pthread.h>

namespace parley::redis {
namespace {

using call::journal::Entry;

constexpr const char* mark_seconds = "86400";
constexpr std::chrono::seconds remind_every{60};
constexpr std::size_t ends_queued_max_factor = 2;

timeval as_timeval(std::chrono::milliseconds span) {
    return {static_cast<time_t>(span.count() / 1'000),
            static_cast<suseconds_t>(span.count() % 1'000 * 1'000)};
}

struct FreeReply {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeReply>;

std::string text_of(const redisReply& reply) {
    return reply.str == nullptr ? std::string() : std::string(reply.str, reply.len);
}

// One connection. Every member gives the reason when it fails; then the connection is of no more
// use.
class Connection {
 public:
    std::optional<std::string> open(const Address& address, std::chrono::milliseconds timeout) {
        context_.reset(
            redisConnectWithTimeout(address.host.c_str(), address.port, as_timeval(timeout)));
        if (!context_) return "out of memory";
        if (context_->err != 0) return std::string(context_->errstr);
        redisSetTimeout(context_.get(), as_timeval(timeout));
        redisEnableKeepAlive(context_.get());
        if (!address.password.empty()) {
            Command login{"AUTH"};
            if (!address.user.empty()) login.push_back(address.user);
            login.push_back(address.password.reveal());
            if (auto why = must(login)) return why;
        }
        if (address.database != 0) return must({"SELECT", std::to_string(address.database)});
        return must({"PING"});
    }
    void close() { context_.reset(); }
    bool is_open() const { return context_ != nullptr; }

    void send(const Command& command) {
        std::vector<const char*> words;
        std::vector<std::size_t> lengths;
        for (const auto& word : command) {
            words.push_back(word.data());
            lengths.push_back(word.size());
        }
        redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), words.data(),
                               lengths.data());
    }
    Reply receive() {
        void* reply = nullptr;
        if (redisGetReply(context_.get(), &reply) != REDIS_OK) return nullptr;
        return Reply(static_cast<redisReply*>(reply));
    }
    Reply ask(const Command& command) {
        send(command);
        return receive();
    }
    std::optional<std::string> must(const Command& command) {
        const auto reply = ask(command);
        if (!reply) return why();
        if (reply->type == REDIS_REPLY_ERROR) return text_of(*reply);
        return std::nullopt;
    }
    std::string why() const {
        return context_ && context_->err != 0 ? std::string(context_->errstr)
                                              : "the connection broke";
    }

 private:
    struct Free {
        void operator()(redisContext* context) const { redisFree(context); }
    };
    std::unique_ptr<redisContext, Free> context_;
};

bool is_end(const Entry& entry) {
    return std::holds_alternative<call::journal::CallEnded>(entry.event) ||
           std::holds_alternative<call::journal::CallStarted>(entry.event);
}

}  // namespace

Checked<Address> parse_address(std::string_view url) {
    const Fault fault{"redis.url", "is no address of a Redis server",
                      "use redis://HOST:PORT, such as redis://localhost:6379"};
    constexpr std::string_view scheme = "redis://";
    if (!url.starts_with(scheme)) return fault;
    url.remove_prefix(scheme.size());
    Address address;
    const auto number = [](std::string_view text, int max, int& into) {
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > max)
            return false;
        into = value;
        return true;
    };
    if (const auto slash = url.find('/'); slash != std::string_view::npos) {
        const auto database = url.substr(slash + 1);
        if (!database.empty() && !number(database, 1'023, address.database)) return fault;
        url = url.substr(0, slash);
    }
    if (const auto at = url.rfind('@'); at != std::string_view::npos) {
        const auto login = url.substr(0, at);
        const auto colon = login.find(':');
        address.user = std::string(login.substr(0, colon));
        if (colon != std::string_view::npos)
            address.password = Secret(std::string(login.substr(colon + 1)));
        url = url.substr(at + 1);
    }
    if (url.starts_with('[')) {
        const auto end = url.find(']');
        if (end == std::string_view::npos) return fault;
        address.host = std::string(url.substr(1, end - 1));
        url = url.substr(end + 1);
        if (!url.empty() && (url.front() != ':' || !number(url.substr(1), 65'535, address.port)))
            return fault;
    } else if (const auto colon = url.rfind(':'); colon != std::string_view::npos) {
        address.host = std::string(url.substr(0, colon));
        if (!number(url.substr(colon + 1), 65'535, address.port)) return fault;
    } else {
        address.host = std::string(url);
    }
    if (address.host.empty() || address.port == 0) return fault;
    return {boost::system::in_place_value, std::move(address)};
}

struct Mirror::Impl {
    explicit Impl(Options wanted)
        : options(std::move(wanted)), keys(options.instance), thread([this] { run(); }) {}

    void run();
    std::optional<std::string> connect();
    std::optional<std::string> forget_leftovers();
    std::optional<std::string> restore();
    std::optional<std::string> write_batch();
    std::optional<std::string> transact(const std::vector<Command>& commands);
    void failed(const std::string& why);
    void worked();
    std::string mark() const { return "parley:mirror:" + run_id; }

    const Options options;
    const std::string run_id = crypto::random_hex(8);
    CallKeys keys;  // the own thread's, as what follows
    Connection connection;
    std::vector<Command> batch;  // not known to be done
    std::uint64_t batch_number = 0;
    bool is_first_connection = true;
    bool has_marked = false;  // the server knows our mark, unless it has lost its memory
    int failures = 0;
    std::chrono::steady_clock::time_point quiet_until =
        std::chrono::steady_clock::time_point::min();

    mutable std::mutex mutex;  // for what follows
    std::condition_variable wake;
    std::deque<Entry> arrived;
    std::optional<std::vector<CallKeys::Seen>> seen;
    bool is_closing = false;
    Health health;

    std::thread thread;
};

void Mirror::Impl::run() {
    pthread_setname_np(pthread_self(), "parley-redis");
    while (true) {
        bool is_last = false;
        {
            std::unique_lock lock(mutex);
            if (failures > 0) {
                const auto delay = std::min(options.retry_first * failures, options.retry_max);
                wake.wait_for(lock, delay, [this] { return is_closing; });
            } else if (arrived.empty() && batch.empty()) {
                wake.wait_for(lock, connection.is_open() ? options.ask_every : milliseconds(0),
                              [this] { return is_closing || seen || !arrived.empty(); });
                if (!arrived.empty() && !is_closing)
                    wake.wait_for(lock, options.flush_every, [this] { return is_closing; });
            }
            is_last = is_closing;
        }
        std::optional<std::string> why;
        if (!connection.is_open()) why = connect();
        if (!why) why = write_batch();
        if (why) {
            failed(*why);
            if (is_last) return;
            continue;
        }
        worked();
        const std::lock_guard lock(mutex);
        if (is_last && arrived.empty()) return;
    }
}

std::optional<std::string> Mirror::Impl::connect() {
    if (auto why = connection.open(options.address, options.timeout)) return why;
    if (is_first_connection) {
        if (auto why = forget_leftovers()) return why;
        is_first_connection = false;
    } else {
        const std::lock_guard lock(mutex);
        ++health.reconnects;
    }
    if (batch_number == 0) return std::nullopt;  // nothing was sent so far
    const auto reply = connection.ask({"GET", mark()});
    if (!reply) return connection.why();
    if (reply->type == REDIS_REPLY_ERROR) return text_of(*reply);
    // The last transaction was done, though its answer did not reach us.
    if (text_of(*reply) == std::to_string(batch_number)) batch.clear();
    if (reply->type == REDIS_REPLY_NIL && has_marked) return restore();
    return std::nullopt;
}

// Calls that a process of ours left behind when it died.
std::optional<std::string> Mirror::Impl::forget_leftovers() {
    std::string cursor = "0";
    do {
        const auto reply =
            connection.ask({"SCAN", cursor, "MATCH", "active_call:*", "COUNT", "200"});
        if (!reply) return connection.why();
        if (reply->type == REDIS_REPLY_ERROR) return text_of(*reply);
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2)
            return "SCAN is not understood";
        cursor = text_of(*reply->element[0]);
        const auto& found = *reply->element[1];
        for (std::size_t i = 0; i < found.elements; ++i) {
            const std::string key = text_of(*found.element[i]);
            const auto value = connection.ask({"GET", key});
            if (!value) return connection.why();
            const auto parsed = json_read::parse(text_of(*value));
            if (!parsed || !parsed->is_object()) continue;
            const auto& call = parsed->get_object();
            if (json_read::text(call, "instance") != options.instance ||
                keys.is_active(json_read::text(call, "callSid")))
                continue;
            if (auto why = connection.must({"DEL", key})) return why;
        }
    } while (cursor != "0");
    return std::nullopt;
}

// A server that has lost its memory gets back what there is of the calls in progress.
std::optional<std::string> Mirror::Impl::restore() {
    for (const auto& call : keys.active()) {
        const std::string key = "transcript:" + call.call_sid;
        // What waits to be sent of this transcript is in the whole of it.
        std::erase_if(batch, [&](const Command& command) {
            return command[0] == "RPUSH" && command[1] == key;
        });
        std::vector<Command> commands{call.set, {"DEL", key}};
        for (const auto& each : call.transcript) commands.push_back({"RPUSH", key, each});
        if (!call.transcript.empty()) commands.push_back({"EXPIRE", key, "86400"});
        if (auto why = transact(commands)) return why;
    }
    return std::nullopt;
}

std::optional<std::string> Mirror::Impl::write_batch() {
    if (batch.empty()) {
        std::vector<Entry> some;
        std::optional<std::vector<CallKeys::Seen>> calls;
        {
            const std::lock_guard lock(mutex);
            calls = std::exchange(seen, std::nullopt);
            while (!arrived.empty() && some.size() < options.entries_together_max) {
                some.push_back(std::move(arrived.front()));
                arrived.pop_front();
            }
            health.waiting = arrived.size();
        }
        for (const auto& entry : some) {
            auto commands = keys.on(entry);
            std::move(commands.begin(), commands.end(), std::back_inserter(batch));
        }
        if (calls) {
            auto commands = keys.see(*calls);
            std::move(commands.begin(), commands.end(), std::back_inserter(batch));
        }
        if (batch.empty()) return some.empty() ? connection.must({"PING"}) : std::nullopt;
        batch.push_back({"SET", mark(), std::to_string(++batch_number), "EX", mark_seconds});
    }
    if (auto why = transact(batch)) return why;
    batch.clear();
    has_marked = true;
    return std::nullopt;
}

std::optional<std::string> Mirror::Impl::transact(const std::vector<Command>& commands) {
    connection.send({"MULTI"});
    for (const auto& command : commands) connection.send(command);
    connection.send({"EXEC"});
    std::optional<std::string> refused;
    for (std::size_t i = 0; i < commands.size() + 2; ++i) {
        const auto reply = connection.receive();
        if (!reply) return connection.why();
        if (reply->type == REDIS_REPLY_ERROR) {
            if (!refused) refused = text_of(*reply);
        } else if (i == commands.size() + 1) {
            // Done, but for single commands that do not fit what is there: a key of another kind.
            for (std::size_t k = 0; k < reply->elements; ++k) {
                if (reply->element[k]->type == REDIS_REPLY_ERROR)
                    log::warn("redis.command_failed", {{"key", commands.at(k).at(1)},
                                                       {"what", text_of(*reply->element[k])}});
            }
        }
    }
    return refused;
}

void Mirror::Impl::failed(const std::string& why) {
    connection.close();
    ++failures;
    std::size_t waiting = 0;
    {
        const std::lock_guard lock(mutex);
        health.is_well = false;
        health.problem = why;
        health.waiting = waiting = arrived.size() + (batch.empty() ? 0 : 1);
    }
    const auto now = std::chrono::steady_clock::now();
    if (now < quiet_until) return;
    quiet_until = now + remind_every;
    log::warn("redis.away", {{"host", options.address.host},
                             {"port", options.address.port},
                             {"what", why},
                             {"entries_waiting", waiting},
                             {"effect", "calls go on; it is caught up with when it is back"}});
}

void Mirror::Impl::worked() {
    const bool was_away = std::exchange(failures, 0) > 0;
    quiet_until = std::chrono::steady_clock::time_point::min();
    bool was_well = false;
    {
        const std::lock_guard lock(mutex);
        was_well = std::exchange(health.is_well, true);
        health.problem.clear();
        health.waiting = arrived.size();
    }
    if (!was_well)
        log::info(was_away ? "redis.back" : "redis.connected",
                  {{"host", options.address.host}, {"port", options.address.port}});
}

Mirror::Mirror(Options options) : impl_(std::make_unique<Impl>(std::move(options))) {}

Mirror::~Mirror() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->is_closing = true;
    }
    impl_->wake.notify_one();
    impl_->thread.join();
}

void Mirror::on_entry(const Entry& entry) {
    {
        const std::lock_guard lock(impl_->mutex);
        const auto most =
            impl_->options.entries_queued_max * (is_end(entry) ? ends_queued_max_factor : 1);
        if (impl_->arrived.size() >= most) {
            ++impl_->health.dropped;
            return;
        }
        impl_->arrived.push_back(entry);
    }
    impl_->wake.notify_one();
}

void Mirror::see(std::vector<CallKeys::Seen> calls) {
    if (calls.empty()) return;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->seen = std::move(calls);
    }
    impl_->wake.notify_one();
}

Mirror::Health Mirror::health() const {
    const std::lock_guard lock(impl_->mutex);
    auto health = impl_->health;
    health.waiting = std::max(health.waiting, impl_->arrived.size());
    return health;
}

}  // namespace parley::redis
