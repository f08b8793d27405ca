// sender.hpp: tells webhooks what the store has for them.
//
// A call's end and what is to be told of it are one transaction of the store, so nothing is lost by
// a crash; a delivery counts as done when the store has kept that. A receiver may therefore get one
// twice, and tells by its id.
//
// Owner:  app; after the store, before which it ends. Thread: its own io thread, which carries no
//         call.
// End:    the destructor breaks off what is under way; it is tried again at the next start.
#pragma once

#include <parley/core/text.hpp>
#include <parley/store/store.hpp>
#include <parley/webhook/delivery.hpp>

#include <map>
#include <memory>
#include <string>

namespace parley::webhook {

struct Receiver {
    std::string url;
    Secret secret;  // empty: messages are not signed
    Patience patience = {};
};

class Sender {
 public:
    struct Options {
        std::map<std::string, Receiver> receivers;  // by the name in the settings
        std::chrono::milliseconds look_every{500};
        std::chrono::milliseconds timeout{10'000};  // of one attempt
        std::size_t at_once_max = 8;
    };
    // Fault for an address that cannot be used.
    static Checked<std::unique_ptr<Sender>> start(Options options, store::Store& store);
    ~Sender();

    struct Health {
        std::int64_t waiting = 0;
        std::int64_t dead = 0;
        std::int64_t oldest_waiting_at_ms = 0;  // 0: none waits
        std::uint64_t delivered = 0;            // since start
        std::uint64_t failed = 0;               // attempts since start
        std::string problem = {};               // of the last attempt, if it failed
    };
    Health health() const;  // from any thread; as of the last look

 private:
    struct Impl;
    explicit Sender(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::webhook
