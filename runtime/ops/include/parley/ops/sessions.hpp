// sessions.hpp: who is logged in with a browser.
//
// Sans-I/O. A session begins with a token and is known by a cookie of 256 random bits, of which
// only the digest is kept. It ends by logging out, after a time without use, after a longer time in
// any case, and with the token it began with. Sessions do not outlive the process.
#pragma once

#include <parley/core/clock.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace parley::ops {

class Sessions {
 public:
    struct Limits {
        std::chrono::hours idle{12};
        std::chrono::hours age{7 * 24};
        std::size_t count = 1'000;  // beyond it the one that was not used for the longest time goes
    };
    struct Opened {
        std::string cookie;
        std::string csrf;
    };
    struct Found {
        std::string token_name;
        std::string csrf;
    };
    Sessions() : Sessions(Limits()) {}
    explicit Sessions(Limits limits) : limits_(limits) {}

    Opened open(std::string token_name, TimePoint now);
    std::optional<Found> find(std::string_view cookie, TimePoint now);
    void close(std::string_view cookie);
    void close_all_of(std::string_view token_name);
    std::size_t count() const { return by_digest_.size(); }
    const Limits& limits() const { return limits_; }

 private:
    struct Session {
        Found found;
        TimePoint begun, used;
    };
    Limits limits_;
    std::map<std::string, Session, std::less<>> by_digest_;
};

}  // namespace parley::ops
