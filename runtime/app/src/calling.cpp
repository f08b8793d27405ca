#include "calling.hpp"

#include "routing.hpp"

#include <parley/core/crypto.hpp>
#include <parley/core/log.hpp>
#include <parley/core/phone_number.hpp>
#include <parley/ops/answers.hpp>
#include <parley/script/calendar.hpp>
#include <parley/telephony/twiml.hpp>

#include <boost/asio/post.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

namespace parley::app {
namespace {

using outbound::Dialler;
using telephony::NewCall;
using telephony::RestFailure;

constexpr std::string_view cannot_call = "Failed to initiate call";
constexpr std::string_view cannot_end = "Failed to end call";
constexpr std::string_view cannot_list = "Failed to fetch phone numbers";
// beyond the call's own limit, so that the agent can say goodbye
constexpr std::chrono::seconds duration_slack{60};

const script::AgentFacts* facts_for(const std::vector<script::AgentFacts>& all,
                                    const config::AgentSettings& agent) {
    for (const auto& each : all) {
        if (each.script == agent.script) return &each;
    }
    return nullptr;
}

// What is left on a machine where the agent has not come to its own words yet.
std::string message_of(const reload::Generation& generation, const outbound::Attempt& attempt) {
    const auto settings = generation.settings.agents.find(attempt.agent);
    if (settings == generation.settings.agents.end()) return {};
    const auto all = script::agents_of(*generation.bundle);
    const auto* facts = facts_for(all, settings->second);
    if (facts == nullptr || facts->voicemail == "hang up") return {};
    auto vars = script::vars_for(*facts, settings->second);
    for (const auto& var : attempt.vars) vars[var.key()] = var.value();
    return script::filled_with(facts->voicemail, vars);
}

// The page works without scripts and styles, so that nothing can be put into it.
net::Response call_me_page(std::string_view csrf, std::string_view to) {
    using telephony::twiml::escaped;  // XML's rules are HTML's here
    net::Response response;
    response.content_type = "text/html; charset=utf-8";
    response.body = fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<title>Call me</title>\n</head>\n<body>\n<main>\n<h1>Call me</h1>\n"
        "<form method=\"post\" action=\"/twilio/call-me\">\n"
        "<input type=\"hidden\" name=\"csrf\" value=\"{}\">\n"
        "<p><label for=\"to\">Your phone number, with the country code</label></p>\n"
        "<p><input id=\"to\" name=\"to\" type=\"tel\" autocomplete=\"tel\" required "
        "placeholder=\"+15550100001\" value=\"{}\"></p>\n"
        "<p><button type=\"submit\">Call me</button></p>\n</form>\n</main>\n</body>\n</html>\n",
        escaped(csrf), escaped(to));
    response.headers.set("Content-Security-Policy",
                         "default-src 'none'; form-action 'self'; frame-ancestors 'none'");
    return response;
}

net::Response not_ok(int status, std::string_view error, std::string_view reason = "") {
    json::object body{{"ok", false}, {"error", error}};
    if (!reason.empty()) body["reason"] = reason;
    return ops::as_json(status, body);
}

int status_of(const Dialler::Trouble& trouble) {
    using Kind = Dialler::Trouble::Kind;
    switch (trouble.kind) {
        case Kind::manners: return trouble.reason == "bad_number" ? 400 : 403;
        case Kind::full:
        case Kind::stopping: return 503;
        case Kind::carrier:
        case Kind::unclear:
        case Kind::store: break;
    }
    return 500;
}

}  // namespace

std::string missing_for_calls(const config::Settings& settings) {
    const auto& twilio = settings.twilio;
    const bool has_key = !twilio.api_key.empty() && !twilio.api_secret.empty();
    if (twilio.account_sid.empty()) return "set TWILIO_ACCOUNT_SID";
    if (twilio.auth_token.empty() && !has_key) return "set TWILIO_AUTH_TOKEN";
    return settings.server.public_url.empty() ? "set PUBLIC_URL" : "";
}

std::shared_ptr<Dialler> make_dialler(const config::Settings& settings,
                                      const telephony::TwilioService::Options& carrier,
                                      const reload::Generations& generations,
                                      call::Switchboard& switchboard, store::Store& store,
                                      std::vector<call::journal::Subscriber*> journal,
                                      metrics::Registry& registry,
                                      boost::asio::any_io_executor home) {
    if (!carrier.rest || !missing_for_calls(settings).empty()) return nullptr;
    Dialler::Parts parts;
    parts.home = home;
    parts.rest = carrier.rest;
    parts.store = &store;
    parts.journal = std::move(journal);
    parts.metrics = &registry;
    parts.terms = [&generations] { return terms_of(generations.current()->settings); };
    parts.clock_in = system_clock_in();
    parts.public_url = settings.server.public_url;
    parts.path = carrier.paths.front();
    parts.detection = [&generations](const std::string& agent) {
        return detection_of(*generations.current(), agent);
    };
    parts.basis = [&generations] { return ticket_of(generations); };
    parts.machine_answered = [&generations, &switchboard, home](const outbound::Attempt& attempt,
                                                                auto then) {
        switchboard.for_each(
            [call_sid = attempt.call_sid, home, then = std::move(then),
             plain = message_of(*generations.current(), attempt)](call::Session& session) {
                if (session.info().call_sid != call_sid) return;
                asio::post(
                    home, [then, message = session.voicemail().value_or(plain)] { then(message); });
                session.on(call::OutcomeSet{"voicemail"});
            });
    };
    return Dialler::create(std::move(parts));
}

NewCall::Detection detection_of(const reload::Generation& generation, const std::string& agent) {
    const auto settings = generation.settings.agents.find(agent);
    if (settings == generation.settings.agents.end()) return NewCall::Detection::none;
    const auto all = script::agents_of(*generation.bundle);
    const auto* facts = facts_for(all, settings->second);
    if (facts == nullptr || facts->voicemail.empty()) return NewCall::Detection::none;
    // A message is to be left after the tone, not into the machine's own words.
    return facts->voicemail == "hang up" ? NewCall::Detection::start
                                         : NewCall::Detection::message_end;
}

outbound::Terms terms_of(const config::Settings& settings) {
    const auto& from = settings.outbound;
    outbound::Terms terms;
    terms.rules = {.allowed_prefixes = from.allowed_prefixes,
                   .per_number_per_day = from.per_number_per_day,
                   .per_day = from.per_day,
                   .quiet_hours = from.quiet_hours,
                   .default_time_zone = from.default_time_zone,
                   .time_zones = from.time_zones};
    terms.calls_per_second = from.calls_per_second;
    terms.calls_max = from.calls_max;
    terms.ring_limit = from.ring_limit;
    terms.duration_limit =
        std::chrono::ceil<std::chrono::seconds>(settings.calls.duration_max) + duration_slack;
    return terms;
}

outbound::ClockIn system_clock_in() {
    // Zones are read from files, once each.
    struct Zones {
        std::mutex mutex;
        std::map<std::string, std::shared_ptr<const script::TimeZone>> known;
    };
    return [zones = std::make_shared<Zones>()](const std::string& name,
                                               WallTime now) -> std::optional<int> {
        const std::lock_guard lock(zones->mutex);
        auto found = zones->known.find(name);
        if (found == zones->known.end())
            found = zones->known.emplace(name, script::TimeZone::find(name)).first;
        if (!found->second) return std::nullopt;
        return found->second->local(now).minutes;
    };
}

std::optional<ops::Dashboard::Refused> refuse_transfer(const config::Settings& settings,
                                                       std::string_view to) {
    using Refused = ops::Dashboard::Refused;
    if (auto missing = missing_for_calls(settings); !missing.empty())
        return Refused{503, "Callers cannot be put through", std::move(missing)};
    if (!is_e164(to))
        return Refused{400, "This is not a phone number",
                       "write it in E.164 form, such as +15550100001"};
    const auto& allowed = settings.calls.transfer_to;
    if (std::any_of(allowed.begin(), allowed.end(),
                    [&](const std::string& prefix) { return to.starts_with(prefix); }))
        return std::nullopt;
    return Refused{403, "calls.transfer_to does not allow this number",
                   allowed.empty() ? "the setting lists no number; add this one, or its beginning"
                                   : "add it, or its beginning, to the setting"};
}

void Calling::add_to(ops::Routes& routes) {
    using ops::Access;
    routes.add({{"POST"},
                "/api/call",
                Access::operating,
                "place a call: number, fromNumber, agent, vars",
                [this](ops::Asked asked) { return place(std::move(asked)); }});
    routes.add({{"POST"},
                "/api/end-call",
                Access::operating,
                "end a call: callSid",
                [this](ops::Asked asked) { return end(std::move(asked)); }});
    routes.add({{"GET"},
                "/api/numbers",
                Access::operating,
                "the account's numbers",
                [this](const ops::Asked&) { return numbers(); }});
    routes.add({{"GET"},
                "/twilio/call-me",
                Access::operating,
                "a form that has the agent call you",
                [](ops::Asked asked) -> Task<net::Response> {
                    co_return call_me_page(asked.who.csrf, asked.query("to").value_or(""));
                }});
    routes.add({{"POST"},
                "/twilio/call-me",
                Access::operating,
                "have the agent call the number in the form's field to",
                [this](ops::Asked asked) { return call_me(std::move(asked)); }});
}

std::variant<Dialler::Wanted, net::Response> Calling::plan(const json::object& body) const {
    Dialler::Wanted wanted;
    wanted.number = json_read::text(body, "number");
    if (wanted.number.empty()) return ops::refusal(400, "Phone number is required");
    if (!parts_.missing.empty()) return ops::refusal(500, cannot_call, parts_.missing);
    wanted.from = json_read::text(body, "fromNumber");
    if (wanted.from.empty()) wanted.from = parts_.our_number;
    if (wanted.from.empty())
        return ops::refusal(400, "No number to call from",
                            "name fromNumber, or set TWILIO_PHONE_NUMBER");
    if (!is_e164(wanted.from))
        return ops::refusal(400, "fromNumber is not a phone number",
                            "write it in E.164 form, such as +15550100001");
    const auto generation = parts_.generations.current();
    const auto& settings = generation->settings;
    wanted.agent = json_read::text(body, "agent");
    if (wanted.agent.empty()) wanted.agent = settings.outbound.agent;
    if (wanted.agent.empty()) {
        if (const auto* answering = settings.agent_for(wanted.from)) wanted.agent = answering->name;
    }
    const auto agent = settings.agents.find(wanted.agent);
    if (agent == settings.agents.end())
        return ops::refusal(400, "Unknown agent",
                            wanted.agent.empty()
                                ? std::string("name an agent, or set outbound.agent")
                                : fmt::format("there is no agent \"{}\"", wanted.agent));
    const auto* vars = body.if_contains("vars");
    if (vars == nullptr || vars->is_null()) return wanted;
    if (!vars->is_object())
        return ops::refusal(400, "vars must be an object", "such as {\"name\": \"Ann\"}");
    const auto all = script::agents_of(*generation->bundle);
    const auto* facts = facts_for(all, agent->second);
    for (const auto& each : vars->get_object()) {
        if (facts == nullptr || facts->vars.contains(each.key())) continue;
        return ops::refusal(400, "Unknown variable",
                            fmt::format("{} has no var \"{}\"; declare it under vars in {}",
                                        wanted.agent, std::string_view(each.key()), facts->path));
    }
    wanted.vars = vars->get_object();
    return wanted;
}

Task<> Calling::find_our_number() {
    if (!parts_.our_number.empty() || !parts_.rest) co_return;
    auto asking = telephony::TwilioRest::numbers(parts_.rest);
    const auto found = co_await std::move(asking);
    if (found && !found->empty()) parts_.our_number = found->front().phone_number;
}

Task<net::Response> Calling::place(ops::Asked asked) {
    const auto body = asked.json_body();
    if (!body) co_return ops::refusal(400, "Phone number is required", body.error().text());
    if (!body->contains("fromNumber")) {
        auto finding = find_our_number();
        co_await std::move(finding);
    }
    auto planned = plan(*body);
    if (auto* refused = std::get_if<net::Response>(&planned)) co_return std::move(*refused);
    auto& wanted = std::get<Dialler::Wanted>(planned);
    // Our marks are part of an address; the client's keys may be anything.
    if (const auto key = asked.request.headers.get("Idempotency-Key"); key && !key->empty())
        wanted.key = "k" + crypto::sha256_hex(*key).substr(0, 31);
    const auto number = wanted.number;
    auto calling = Dialler::call(parts_.dialler, std::move(wanted));
    const auto answer = co_await std::move(calling);
    if (!answer) {
        const auto& trouble = answer.error();
        log::info(
            "outbound.refused",
            {{"to", masked_number(number)}, {"who", asked.who.name}, {"what", trouble.details}});
        if (trouble.kind != Dialler::Trouble::Kind::manners)
            co_return ops::refusal(status_of(trouble), cannot_call, trouble.details);
        json::object refused{
            {"error", trouble.reason == "bad_number" ? "Invalid phone number" : "Call not allowed"},
            {"details", trouble.details},
            {"reason", trouble.reason}};
        co_return ops::as_json(status_of(trouble), refused);
    }
    co_return ops::as_json(200, {{"success", true},
                                 {"callSid", answer->call_sid},
                                 {"message", fmt::format("Call initiated to {}", number)}});
}

Task<net::Response> Calling::end(ops::Asked asked) {
    const auto body = asked.json_body();
    const auto sid = body ? json_read::text(*body, "callSid") : std::string();
    if (sid.empty()) co_return ops::refusal(400, "Call SID is required");
    if (!parts_.rest) co_return ops::refusal(500, cannot_end, parts_.missing);
    auto ending = telephony::TwilioRest::change(parts_.rest, sid, {.status = "completed"});
    const auto ended = co_await std::move(ending);
    if (!ended) {
        co_return ops::refusal(500, cannot_end,
                               ended.error().kind == RestFailure::Kind::gone
                                   ? std::string("there is no such call, or it is over")
                                   : ended.error().what);
    }
    log::info("outbound.ended_by_hand", {{"call", sid}, {"who", asked.who.name}});
    co_return ops::as_json(200, {{"success", true}, {"message", "Call ended successfully"}});
}

Task<net::Response> Calling::numbers() {
    if (!parts_.rest) co_return ops::refusal(500, cannot_list, parts_.missing);
    auto asking = telephony::TwilioRest::numbers(parts_.rest);
    const auto found = co_await std::move(asking);
    json::array all;
    if (found) {
        for (const auto& each : *found) {
            all.push_back({{"sid", each.sid},
                           {"phoneNumber", each.phone_number},
                           {"friendlyName", each.friendly_name}});
        }
        co_return ops::as_json(200, all);
    }
    log::warn("twilio.numbers_failed", {{"what", found.error().what}});
    if (parts_.our_number.empty()) co_return ops::refusal(500, cannot_list, found.error().what);
    // The one we know, so that a page can go on working.
    all.push_back({{"sid", "default"},
                   {"phoneNumber", parts_.our_number},
                   {"friendlyName", "Default Number"}});
    co_return ops::as_json(200, all);
}

Task<net::Response> Calling::call_me(ops::Asked asked) {
    auto finding = find_our_number();
    co_await std::move(finding);
    if (!parts_.missing.empty() || parts_.our_number.empty()) {
        co_return ops::as_json(500, {{"error", "Call-me not configured"},
                                     {"message", parts_.missing.empty() ? "set TWILIO_PHONE_NUMBER"
                                                                        : parts_.missing}});
    }
    const auto body = asked.json_body();
    const auto to =
        body ? json_read::text(*body, "to") : ops::field(asked.request.body, "to").value_or("");
    if (to.empty()) co_return not_ok(400, "Phone number is required");
    auto planned = plan({{"number", to}});
    if (const auto* refused = std::get_if<net::Response>(&planned))
        co_return not_ok(refused->status, "No agent speaks for this number");
    auto calling = Dialler::call(parts_.dialler, std::move(std::get<Dialler::Wanted>(planned)));
    const auto answer = co_await std::move(calling);
    if (!answer)
        co_return not_ok(status_of(answer.error()), answer.error().details, answer.error().reason);
    co_return ops::as_json(200, {{"ok", true},
                                 {"message", "Calling you now. Answer the phone!"},
                                 {"callSid", answer->call_sid}});
}

}  // namespace parley::app
