// twilio_server.hpp: the simulated Twilio: places calls and serves the REST API for them.
//
// Thread: has its own io thread and worker threads; all members may be used from any other thread.
// End:    the destructor drops the calls that are still up and joins the threads.
#pragma once

#include <parley/sim/twilio_call.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace parley::sim {

class TwilioServer {
 public:
    struct Options {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;  // of the REST API; 0: any free one
        std::string account_sid = "AC00000000000000000000000000000001";
        std::string auth_token = "12345678901234567890123456789012";
        std::function<void(std::string_view)> watch;
    };
    struct RestRequest {
        std::string method;
        std::string path;
        std::string body;
        int status = 0;  // of our answer
    };

    static Checked<std::unique_ptr<TwilioServer>> start(Options options);
    ~TwilioServer();

    std::uint16_t port() const;
    std::string base_url() const;  // "http://127.0.0.1:PORT"
    // Account and token of `options` are replaced by the server's own unless it names others.
    std::shared_ptr<TwilioCall> dial(CallOptions options);
    std::vector<RestRequest> rest_requests() const;

 private:
    struct Impl;
    explicit TwilioServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::sim
