// listening.hpp: recorded calls as sound: GET /dashboard/api/calls/:callSid/recording answers a WAV,
// the caller left, what they heard right, and ranges of it, so that a player can skip.
//
// A sound is made of the recording when somebody asks, on the thread of the archive; the last two
// are kept in memory.
//
// Owner: serve(); outlives the server's requests. Thread: has() any, routes the server's.
#pragma once

#include <parley/ops/archive.hpp>
#include <parley/ops/routes.hpp>

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace parley::app {

class Listening {
 public:
    // `dir`: of the recordings.
    Listening(ops::Archive& archive, std::string dir) : archive_(archive), dir_(std::move(dir)) {}

    bool has(std::string_view call_sid) const;
    void add_to(ops::Routes& routes);

 private:
    using Sound = std::shared_ptr<const std::string>;
    Task<net::Response> answer(ops::Asked asked);
    std::string file_of(std::string_view call_sid) const;  // "" for what is no name of a call

    ops::Archive& archive_;
    const std::string dir_;
    std::deque<std::pair<std::string, Sound>> kept_;  // by their version, latest first
};

}  // namespace parley::app
