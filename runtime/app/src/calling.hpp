// calling.hpp: calls placed and ended by people and programs, over HTTP.
//
//   POST /api/call          {"number", "fromNumber"?, "agent"?, "vars"?} -> {"success", "callSid", "message"}
//   POST /api/end-call      {"callSid"} -> {"success", "message"}
//   GET  /api/numbers       [{"sid", "phoneNumber", "friendlyName"}]
//   GET  /twilio/call-me    a form
//   POST /twilio/call-me    the form's `to` is called -> {"ok", "message", "callSid"}
//
// A refusal by the manners is 403. With the header Idempotency-Key the same request, sent again, is
// the same call.
//
// Owner:  serve(); outlives the server's requests. Thread: the server's.
#pragma once

#include <parley/call/switchboard.hpp>
#include <parley/config/settings.hpp>
#include <parley/ops/dashboard.hpp>
#include <parley/ops/routes.hpp>
#include <parley/outbound/dialler.hpp>
#include <parley/reload/generations.hpp>
#include <parley/script/catalogue.hpp>

#include <memory>

namespace parley::app {

// What has to be set before anybody can be called; empty: nothing.
std::string missing_for_calls(const config::Settings& settings);
// Null where something is missing. The rest outlives it.
std::shared_ptr<outbound::Dialler> make_dialler(const config::Settings& settings,
                                                const telephony::TwilioService::Options& carrier,
                                                const reload::Generations& generations,
                                                call::Switchboard& switchboard, store::Store& store,
                                                std::vector<call::journal::Subscriber*> journal,
                                                metrics::Registry& registry,
                                                boost::asio::any_io_executor home);

// How an agent wants machines looked for, by what its script says of voicemail.
telephony::NewCall::Detection detection_of(const reload::Generation& generation,
                                           const std::string& agent);
outbound::Terms terms_of(const config::Settings& settings);
// By the system's time zones.
outbound::ClockIn system_clock_in();

// Why nobody may be put through to this number; nothing: they may.
std::optional<ops::Dashboard::Refused> refuse_transfer(const config::Settings& settings,
                                                       std::string_view to);

class Calling {
 public:
    struct Parts {
        const reload::Generations& generations;
        // where a request names none; empty: the account's first
        std::string our_number;
        std::shared_ptr<outbound::Dialler> dialler;  // null: without an account there are no calls
        telephony::TwilioRest::Ask rest;             // null likewise
        // What is missing for calls; empty: nothing.
        std::string missing;
    };
    explicit Calling(Parts parts) : parts_(std::move(parts)) {}

    void add_to(ops::Routes& routes);

 private:
    // The call as it is asked for, or the answer that says what is wrong with it.
    std::variant<outbound::Dialler::Wanted, net::Response> plan(const json::object& body) const;
    // So that plan() knows a number to call from.
    Task<> find_our_number();
    Task<net::Response> place(ops::Asked asked);
    Task<net::Response> end(ops::Asked asked);
    Task<net::Response> numbers();
    Task<net::Response> call_me(ops::Asked asked);

    Parts parts_;
};

}  // namespace parley::app
