// twilio.hpp: phone calls by Twilio: its webhooks answered, its media streams served.
//
// The paths are settings, several pairs of webhook and stream at once; by default:
//
//   POST /voice           a call comes in: the signature is checked, the agent found, the call announced, and the
//                         document tells Twilio to open the stream, with a one-time token
//   GET /media-stream     the stream: signature, then token, then the call's audio; nothing upstream is paid for
//                         before the token is right
//   POST /voice/ended     the stream is over: hang up, or apologise where no one else could
//   POST /voice/transferred   a transfer is over: hang up, or a stream that brings the caller back
//   POST /voice/briefing  the one a caller is put through to has answered: they hear what it is about, and press 1
//   POST /twilio/status   how calls go that we have placed; repeated and out of order, as it comes
//
// Owner:  the app; must outlive the server's requests. Streams hold what they need and may outlive
// it.
// Thread: answer() and admit() from any thread; each stream lives on its home.
// End:    streams end with their calls.
#pragma once

#include <parley/call/figures.hpp>
#include <parley/call/switchboard.hpp>
#include <parley/core/json.hpp>
#include <parley/core/text.hpp>
#include <parley/net/server.hpp>
#include <parley/telephony/rest.hpp>
#include <parley/telephony/stream_state.hpp>
#include <parley/telephony/twiml.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::telephony {

class TwilioService {
 public:
    // The calls of this process, as far as this room needs to know; SwitchboardCalls in production.
    struct Claimed {
        std::shared_ptr<call::EventSink> events;
        // False when the call has a caller already.
        std::function<bool(std::unique_ptr<call::Channel>)> attach;
        std::string our_number = {};  // of this call; as the carrier gives it
    };
    class Calls {
     public:
        virtual ~Calls() = default;
        virtual boost::system::result<call::Switchboard::Announced, call::Switchboard::Refusal>
        announce(call::CallInfo info) = 0;
        // On io thread `home`.
        virtual std::optional<Claimed> claim(std::string_view token, std::string_view call_sid,
                                             std::size_t home) = 0;
        virtual std::optional<call::Finish> ending_of(std::string_view call_sid) const = 0;
        // As Switchboard::transfer_ended.
        virtual std::optional<call::Switchboard::Announced> transfer_ended(
            std::string_view call_sid, call::TransferEnded ended) = 0;
        virtual void caller_left(std::string_view call_sid) = 0;
    };

    // A voice webhook and the stream that it announces. Below the webhook lie its /ended, and
    // /transferred and /briefing of its transfers.
    struct Path {
        std::string voice = "/voice";
        std::string stream = "/media-stream";
        std::vector<std::string> methods = {"GET", "POST"};
        twiml::Say greeting = {};  // by the carrier; empty: the agent greets
    };
    // One address that Twilio may ask.
    struct Door {
        std::vector<std::string> methods;
        std::string path;
        std::string about;
    };

    // A call that we have placed and that is answered: who speaks, and with which vars.
    struct Outgoing {
        std::string agent;
        json::object vars = {};
        std::shared_ptr<const void> basis = {};
    };
    // What Twilio tells of a call's course: its status, or who has answered.
    struct StatusReport {
        std::string attempt;  // our own mark; empty: none
        std::string call_sid;
        std::string status;  // ringing, in-progress, completed, busy, ...; empty where none is told
        std::string answered_by;
        std::optional<int> sequence = {};
        std::optional<int> duration_s = {};
    };

    enum class Signatures { required, ignored };
    // What Twilio itself says where no agent can.
    struct Sentences {
        std::string draining =
            "We are sorry, our line is being restarted. Please call again in a few minutes.";
        std::string no_agent = "We are sorry, this number is not in service.";
        std::string apology = "We are sorry, we have a technical problem. Please call again later.";
        std::string take_call = "To take the call, press 1.";  // after a briefing
    };
    struct Options {
        std::string public_url;  // "https://voice.example.com"; empty: the Host header, with https
        Signatures signatures = Signatures::required;
        std::vector<Secret> auth_tokens;  // any of them may have signed
        // if set, other accounts' requests are refused
        std::string account_sid;
        std::optional<std::uint16_t> listening_port;
        std::size_t io_threads = 1;
        // no two webhooks alike, and none like a stream
        std::vector<Path> paths = {Path{}};
        // if set, hanging up ends the call at Twilio too
        std::shared_ptr<const TwilioRest> rest;
        Sentences sentences = {};
        // Of calls that we place: the one with this mark; nothing for an unknown one or for a second
        // call under the same mark, which then hears nothing.
        std::function<std::optional<Outgoing>(std::string_view attempt, std::string_view call_sid)>
            outgoing = {};
        std::function<void(const StatusReport&)> told = {};
        // if set, in place of the sentence: settings may change
        std::function<std::string()> apology = {};
        StreamLimits limits = {};
        call::Figures* figures = nullptr;  // outlives every stream; none: nothing is counted
    };
    // The agent for a called number, and what the call is to keep (CallInfo::basis).
    struct Route {
        std::string agent;
        std::shared_ptr<const void> basis = {};
    };
    using Resolve = std::function<std::optional<Route>(std::string_view to)>;

    TwilioService(Options options, std::shared_ptr<Calls> calls, Resolve resolve);
    ~TwilioService();

    // Where a placed call asks for its document, and tells how it goes; with our mark of it.
    static std::string voice_url(const std::string& public_url, const Path& path,
                                 std::string_view attempt);
    static std::string status_url(const std::string& public_url, std::string_view attempt);

    // Whether a path (without query) is one of ours.
    bool is_ours(std::string_view path) const;
    // All of them, for a table of routes.
    std::vector<Door> doors() const;

    net::Response answer(const net::Request& request);
    net::UpgradeAnswer admit(const net::Request& request);

    // The same as handlers of net::Server.
    Task<net::Response> on_request(net::Request request);
    Task<net::UpgradeAnswer> on_upgrade(net::Request request);

 private:
    struct Webhook;
    // A finished answer when the request is refused.
    std::optional<net::Response> refuse(const net::Request& request, Webhook& webhook);
    net::Response answer_call(const Path& path, const Webhook& webhook);
    net::Response answer_ended(const Webhook& webhook);
    net::Response answer_transferred(const Path& path, const Webhook& webhook);
    net::Response answer_briefing(const Path& path, const Webhook& webhook);
    net::Response apologise() const;
    std::string stream_document(const Path& path, const Webhook& webhook,
                                const call::Switchboard::Announced& announced, std::string caller,
                                const twiml::Say& greeting = {}) const;
    net::Response take_status(const Webhook& webhook);

    struct Shared;  // what streams need as well
    std::shared_ptr<Shared> shared_;
    Resolve resolve_;

    friend class TwilioStream;
};

class SwitchboardCalls final : public TwilioService::Calls {
 public:
    explicit SwitchboardCalls(call::Switchboard& switchboard) : switchboard_(switchboard) {}
    boost::system::result<call::Switchboard::Announced, call::Switchboard::Refusal> announce(
        call::CallInfo info) override;
    std::optional<TwilioService::Claimed> claim(std::string_view token, std::string_view call_sid,
                                                std::size_t home) override;
    std::optional<call::Finish> ending_of(std::string_view call_sid) const override;
    std::optional<call::Switchboard::Announced> transfer_ended(std::string_view call_sid,
                                                               call::TransferEnded ended) override;
    void caller_left(std::string_view call_sid) override;

 private:
    call::Switchboard& switchboard_;  // outlives the server
};

}  // namespace parley::telephony
