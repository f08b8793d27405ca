// attempts.hpp: how often someone may show a wrong token.
//
// Sans-I/O. Each peer has a few wrong tokens free and gets one more every few seconds. One who has
// none left is barred: even a right token of somebody's choice does not help, or guessing could go
// on. But a token that was right from that peer before still is: whoever guesses behind the same
// proxy must not lock out those who work there. Tokens that parley made cannot be guessed and are
// not asked about here.
#pragma once

#include <parley/core/clock.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace parley::ops {

class Attempts {
 public:
    struct Limits {
        int free = 10;
        std::chrono::seconds one_more_every{6};
        std::size_t peers_max = 10'000;  // beyond it, those whose attempts are free again go first
    };
    Attempts() : Attempts(Limits()) {}
    explicit Attempts(Limits limits) : limits_(limits) {}

    bool is_barred(std::string_view peer, std::string_view name, TimePoint now) const;
    // The first time that it is one too many: worth a log line.
    bool failed(std::string_view peer, TimePoint now);
    void succeeded(std::string_view peer, std::string_view name, TimePoint now);
    std::chrono::seconds wait_for(std::string_view peer, TimePoint now) const;
    std::size_t peers() const { return peers_.size(); }

 private:
    struct Peer {
        TimePoint free_again;  // when all attempts are free
        std::set<std::string, std::less<>> known;
    };
    TimePoint barred_until(const Peer& peer) const;
    Peer& of(std::string_view peer, TimePoint now);

    Limits limits_;
    std::map<std::string, Peer, std::less<>> peers_;
};

}  // namespace parley::ops
