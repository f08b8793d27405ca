// services.hpp: what scripts may use besides the call: databases, keys, and whatever else is shared by all calls.
//
// Owner:  app; everything pointed to outlives every agent.
// Thread: asked on a call's io thread; `done` may run on any thread and is called at most once.
#pragma once

#include <parley/script/database.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace parley::script {

// Values under names, shared by all calls, kept across restarts. Values are JSON text.
class KeyValues {
 public:
    template <class T>
    using Result = boost::system::result<T, store::QueryProblem>;
    using Lifetime = std::optional<std::chrono::seconds>;  // nothing: for ever

    virtual ~KeyValues() = default;
    // Nothing: there is no such key, or its time is over.
    virtual void get(std::string key, std::function<void(Result<std::optional<std::string>>)> done) = 0;
    virtual void set(std::string key, std::string json_text, Lifetime lifetime, std::function<void(Result<void>)> done) = 0;
    // Adds in one step and gives the new number; a missing key counts as 0 and gets the lifetime.
    virtual void increment(std::string key, std::int64_t by, Lifetime lifetime, std::function<void(Result<std::int64_t>)> done) = 0;
    virtual void remove(std::string key, std::function<void(Result<void>)> done) = 0;
};

// Null: calls to it give nil, problem.
struct Services {
    Database* database = nullptr;
    KeyValues* keys = nullptr;
};

}  // namespace parley::script
