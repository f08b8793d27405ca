// services.hpp: what scripts may use besides the call: databases, keys, and whatever else is shared
// by all calls.
//
// Owner:  app; everything pointed to outlives every agent.
// Thread: asked on a call's io thread; `done` may run on any thread and is called at most once.
#pragma once

#include <parley/config/settings.hpp>
#include <parley/core/metrics.hpp>
#include <parley/net/http.hpp>
#include <parley/script/database.hpp>

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace parley::script {

// Values under names, shared by all calls, kept across restarts. Values are JSON text.
class KeyValues {
 public:
    template <class T>
    using Result = boost::system::result<T, store::QueryProblem>;
    using Lifetime = std::optional<std::chrono::seconds>;  // nothing: for ever

    virtual ~KeyValues() = default;
    // Nothing: there is no such key, or its time is over.
    virtual void get(std::string key,
                     std::function<void(Result<std::optional<std::string>>)> done) = 0;
    virtual void set(std::string key, std::string json_text, Lifetime lifetime,
                     std::function<void(Result<void>)> done) = 0;
    // Adds in one step and gives the new number; a missing key counts as 0 and gets the lifetime.
    virtual void increment(std::string key, std::int64_t by, Lifetime lifetime,
                           std::function<void(Result<std::int64_t>)> done) = 0;
    // Gives true when there was one.
    virtual void remove(std::string key, std::function<void(Result<bool>)> done) = 0;
    // Gives the value that was there already, or nothing when it has set this one.
    virtual void set_if_absent(std::string key, std::string json_text, Lifetime lifetime,
                               std::function<void(Result<std::optional<std::string>>)> done) = 0;
};

// The name under which the module kv keeps `key`. Services of other scripts folders that share the
// database have keys of their own.
std::string stored_key(const config::ScriptSettings& settings, std::string_view key);

// The scripts' door to the store's keys; the store must outlive it.
std::unique_ptr<KeyValues> keys_of(store::Store& store);

// One HTTP exchange. Which hosts may be reached, redirects and retries are decided above it, so a
// test that answers here sees what a server would see.
class HttpClient {
 public:
    using Result = boost::system::result<net::Response, net::FetchFailure>;

    virtual ~HttpClient() = default;
    // `home`: the call's thread, where it is called. What it returns keeps the exchange going:
    // dropped, it is cancelled.
    virtual std::shared_ptr<void> send(boost::asio::any_io_executor home, net::Url url,
                                       net::Request request, net::RequestLimits limits,
                                       std::function<void(Result)> done) = 0;
};

// Real requests, each on a connection of its own.
std::unique_ptr<HttpClient> web_client();

// Text messages (SMS). Sent once: what may have been sent is not sent again.
class Messages {
 public:
    using Result = boost::system::result<std::string, store::QueryProblem>;  // the carrier's id

    virtual ~Messages() = default;
    // Numbers are E.164. Whom may be written to is decided above it.
    virtual void send(std::string from, std::string to, std::string text,
                      std::function<void(Result)> done) = 0;
};

// Null: calls to it give nil, problem.
struct Services {
    Database* database = nullptr;
    KeyValues* keys = nullptr;
    HttpClient* http = nullptr;
    metrics::Registry* metrics = nullptr;  // null: nothing is counted
    Messages* messages = nullptr;
};

}  // namespace parley::script
