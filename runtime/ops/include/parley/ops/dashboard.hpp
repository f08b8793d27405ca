// dashboard.hpp: the dashboard's JSON and events. docs/dashboard.md has their shapes.
//
// Owner: serve(); outlives the server's requests. Thread: the server's.
#pragma once

#include <parley/call/events.hpp>
#include <parley/ops/archive.hpp>
#include <parley/ops/live.hpp>
#include <parley/ops/routes.hpp>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace parley::ops {

class Dashboard {
 public:
    struct Refused {
        int status;  // of HTTP
        std::string problem;
        std::string remedy = {};
    };
    struct Parts {
        Live& live;
        Archive* archive;  // null: nothing is remembered
        // Ends a call: after these last words, or at once when there are none. False: there is none
        // of that name.
        std::function<bool(const std::string& call_sid, std::string words)> end_call;
        // Puts a caller through to somebody else; nothing: it is under way.
        std::function<std::optional<Refused>(const std::string& call_sid, call::TransferAsked)>
            transfer = {};
        // Whether a recording of the call is there; its path is then .../calls/:callSid/recording.
        std::function<bool(std::string_view call_sid)> has_recording = {};
    };
    explicit Dashboard(Parts parts) : parts_(std::move(parts)) {}

    void add_to(Routes& routes);

 private:
    Task<net::Response> history(Asked asked);
    Task<net::Response> appointments(Asked asked);
    Task<net::Response> stats();
    Task<net::Response> call(Asked asked);
    Task<net::Response> transcript(Asked asked);
    net::Response transcript_stream(const Asked& asked);
    net::Response end(const Asked& asked);
    net::Response transfer(const Asked& asked);
    // `look` on the archive's thread; `what` for the error.
    Task<net::Response> read(Archive::Look look, std::string what);
    std::string recording_of(const std::string& call_sid) const;

    Parts parts_;
};

}  // namespace parley::ops
