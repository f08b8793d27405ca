// twilio_server.hpp: the simulated Twilio: places calls and serves the REST API for them.
//
// A call that is placed through the API rings, is answered (or not) as its callee wants, asks for its
// document, opens its stream, and tells its status callbacks, signed, also late, twice and in another
// order where that is wanted.
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
        std::function<void(std::string_view)> watch = {};
        // Of the REST API: what it has and what it bears.
        std::string api_key = {};
        std::string api_secret = {};
        std::vector<TwilioAccount::Number> numbers = {};
        double creates_per_second = 0;
        std::vector<std::string> geo_prefixes = {};
        // Who is called, and where requests to webhooks really go; empty: as the URLs say.
        std::vector<Callee> callees = {};
        std::string connect_to = {};
        StreamScheme scheme = StreamScheme::ws_too;
        // kept: each after the one before has been answered. shuffled: any order, some twice.
        enum class Callbacks { kept, shuffled } callbacks = Callbacks::kept;
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
    // All calls of the account, oldest first, as the API knows them.
    std::vector<TwilioAccount::Call> calls() const;
    // How a call went that was placed through the API; nothing before it was answered and over.
    std::optional<CallReport> report_of(const std::string& call_sid) const;
    // Where requests to webhooks go from now on.
    void connect_to(std::string address);

 private:
    struct Impl;
    explicit TwilioServer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace parley::sim
