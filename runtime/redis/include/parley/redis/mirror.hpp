// mirror.hpp: keeps in Redis what others want to know of calls. Redis is for them: the service
// never reads from it what it needs itself, and works on without it.
//
// Entries are written some together, in one transaction that also notes its number: after a broken
// connection the note tells whether the transaction was done, so nothing is written twice. While
// Redis is away entries wait; a server that comes back without its memory gets the calls in progress
// anew.
//
// Owner:  app. Thread: on_entry from any thread; the connection is a thread's of its own.
// End:    the destructor writes what waits, if the server answers within a moment.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/result.hpp>
#include <parley/core/text.hpp>
#include <parley/redis/call_keys.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace parley::redis {

// redis://[USER[:PASSWORD]@]HOST[:PORT][/DATABASE]
struct Address {
    std::string host;
    int port = 6379;
    std::string user;
    Secret password;
    int database = 0;
};
Checked<Address> parse_address(std::string_view url);

class Mirror final : public call::journal::Subscriber {
 public:
    struct Options {
        Address address;
        std::string instance;                      // who we are, the same after a restart
        std::chrono::milliseconds timeout{2'000};  // of connecting, and of one transaction
        std::chrono::milliseconds flush_every{100};
        std::chrono::milliseconds retry_first{200};  // grows by as much each time, up to
        std::chrono::milliseconds retry_max{2'000};
        // whether the server is there is asked this often when nothing is to be written
        std::chrono::milliseconds ask_every{2'000};
        // beyond it entries are left out and counted; the ends of calls are kept
        std::size_t entries_queued_max = 20'000;
        std::size_t entries_together_max = 200;
    };
    explicit Mirror(Options options);
    ~Mirror() override;

    void on_entry(const call::journal::Entry& entry) override;
    // All running calls as their threads see them.
    void see(std::vector<CallKeys::Seen> calls);

    struct Health {
        bool is_well = false;  // connected, as far as is known
        std::string problem = "not connected yet";
        std::size_t waiting = 0;
        std::uint64_t dropped = 0;
        std::uint64_t reconnects = 0;
    };
    Health health() const;

 private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::redis
