#include <parley/telephony/twilio.hpp>

#include "twilio_shared.hpp"
#include "twilio_stream.hpp"

#include <parley/core/log.hpp>
#include <parley/telephony/twiml.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace parley::telephony {
namespace {

constexpr std::string_view status_path = "/twilio/status";
constexpr std::string_view attempt_field = "attempt";
constexpr char key_to_accept = '1';
constexpr std::size_t sid_bytes_max = 64;

std::string_view without_slash(std::string_view path) {
    if (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
    return path;
}

// Of the stream at /media-stream: "/media-stream" -> "", "/media-stream/3" -> "3"; nothing for other
// paths.
std::optional<std::string_view> suffix_of(std::string_view stream, std::string_view path) {
    if (path == stream) return "";
    if (!path.starts_with(stream) || path[stream.size()] != '/') return std::nullopt;
    path.remove_prefix(stream.size() + 1);
    const bool is_number =
        !path.empty() && path.size() <= 4 &&
        std::all_of(path.begin(), path.end(), [](char c) { return c >= '0' && c <= '9'; });
    return is_number ? std::optional(path) : std::nullopt;
}

std::optional<std::string_view> stream_suffix(const std::vector<TwilioService::Path>& paths,
                                              std::string_view path) {
    path = without_slash(path);
    for (const auto& each : paths) {
        if (const auto suffix = suffix_of(each.stream, path)) return suffix;
    }
    return std::nullopt;
}

net::Response plain(int status, std::string text) {
    net::Response response;
    response.status = status;
    response.body = std::move(text);
    return response;
}

net::Response document(std::string twiml) {
    net::Response response;
    response.content_type = "text/xml; charset=utf-8";
    response.body = std::move(twiml);
    // Twilio caches answers to GET; a token is for one call
    response.headers.set("Cache-Control", "no-store");
    return response;
}

// A SID goes into log lines and URLs. Twilio's are two letters and 32 hexadecimal digits;
// simulators' are shorter.
bool is_sid(std::string_view text) {
    return !text.empty() && text.size() <= sid_bytes_max &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '-';
           });
}

bool is_host_header(std::string_view host) {
    return !host.empty() && host.size() <= 255 &&
           std::all_of(host.begin(), host.end(), [](unsigned char c) {
               return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '.' || c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
           });
}

bool is_form(const net::Request& request) {
    const auto type = request.headers.get("Content-Type");
    if (!type) return true;
    return lower(trim(type->substr(0, type->find(';')))) == "application/x-www-form-urlencoded";
}

std::string without_trailing_slash(std::string url) {
    while (!url.empty() && url.back() == '/') url.pop_back();
    return url;
}

// https -> wss, http -> ws (tests and the demo).
std::string as_websocket(const std::string& public_url) {
    const std::size_t colon = public_url.find(':');
    const std::string scheme = lower(public_url.substr(0, colon));
    return (scheme == "http" ? "ws" : "wss") + public_url.substr(colon);
}

// Nothing when there is neither a public URL in the settings nor a usable Host header.
std::optional<std::string> public_url_of(const net::Request& request, const std::string& configured,
                                         std::atomic<bool>& has_told) {
    if (!configured.empty()) return configured;
    if (!has_told.exchange(true)) {
        log::warn("twilio.no_public_url",
                  {{"what", "server.public_url is not set: the Host header is believed"},
                   {"remedy", "set PUBLIC_URL to the https address Twilio calls"}});
    }
    const auto host = request.headers.get("Host");
    if (!host || !is_host_header(*host)) return std::nullopt;
    return "https://" + std::string(*host);
}

struct Found {
    const TwilioService::Path* path = nullptr;  // null: no webhook
    std::string_view suffix = {};               // empty: a call comes in
};
Found find_door(const std::vector<TwilioService::Path>& paths, std::string_view path) {
    path = without_slash(path);
    for (const auto& each : paths) {
        if (path == each.voice) return {&each};
        if (!path.starts_with(each.voice)) continue;
        for (const auto suffix : {ended_suffix, transferred_suffix, briefing_suffix}) {
            if (path.substr(each.voice.size()) == suffix) return {&each, suffix};
        }
    }
    return {};
}

}  // namespace

struct TwilioService::Webhook {
    std::string public_url;
    FormFields form;       // of the body, or of a GET's query
    std::string attempt;   // our own mark in the query, of a call that we have placed
    std::string transfer;  // likewise

    std::string_view field(std::string_view name) const {
        for (const auto& [known, value] : form) {
            if (known == name) return value;
        }
        return "";
    }
};

TwilioService::TwilioService(Options options, std::shared_ptr<Calls> calls, Resolve resolve)
    : resolve_(std::move(resolve)) {
    options.public_url = without_trailing_slash(std::move(options.public_url));
    if (!options.public_url.empty() && options.public_url.find("://") == std::string::npos)
        options.public_url = "https://" + options.public_url;
    if (options.io_threads == 0) options.io_threads = 1;
    shared_ = std::make_shared<Shared>(std::move(options), std::move(calls));
}

TwilioService::~TwilioService() = default;

std::string TwilioService::voice_url(const std::string& public_url, const Path& path,
                                     std::string_view attempt) {
    return fmt::format("{}{}?{}={}", public_url, path.voice, attempt_field, attempt);
}

std::string TwilioService::status_url(const std::string& public_url, std::string_view attempt) {
    return fmt::format("{}{}?{}={}", public_url, status_path, attempt_field, attempt);
}

bool TwilioService::is_ours(std::string_view path) const {
    return without_slash(path) == status_path ||
           find_door(shared_->options.paths, path).path != nullptr ||
           stream_suffix(shared_->options.paths, path).has_value();
}

std::vector<TwilioService::Door> TwilioService::doors() const {
    std::vector<Door> all;
    all.push_back({{"POST"}, std::string(status_path), "how a call goes that we have placed"});
    std::set<std::string> streams;  // several webhooks may announce the same
    for (const auto& path : shared_->options.paths) {
        all.push_back({path.methods, path.voice, "a call comes in"});
        all.push_back({{"GET", "POST"},
                       path.voice + std::string(ended_suffix),
                       "a call's media stream is over"});
        all.push_back(
            {{"POST"}, path.voice + std::string(transferred_suffix), "a transfer is over"});
        all.push_back({{"POST"},
                       path.voice + std::string(briefing_suffix),
                       "whoever a caller is put through to has answered"});
        if (!streams.insert(path.stream).second) continue;
        all.push_back({{"GET"}, path.stream, "media stream (WebSocket)"});
        all.push_back({{"GET"}, path.stream + "/:thread", "media stream of a call on that thread"});
    }
    return all;
}

// ---- webhooks -------------------------------------------------------------------------------

net::Response TwilioService::answer(const net::Request& request) {
    const auto& paths = shared_->options.paths;
    if (stream_suffix(paths, request.path())) {
        net::Response response = plain(426, "This address speaks WebSocket.\n");
        response.headers.set("Upgrade", "websocket");
        return response;
    }
    if (without_slash(request.path()) == status_path) {
        if (request.method != "POST") {
            net::Response response = plain(405, "Use POST.\n");
            response.headers.set("Allow", "POST");
            return response;
        }
        Webhook webhook;
        if (auto refusal = refuse(request, webhook)) return std::move(*refusal);
        return take_status(webhook);
    }
    const auto [path, suffix] = find_door(paths, request.path());
    if (path == nullptr) return plain(404, "Not found.\n");
    static const std::vector<std::string> both{"GET", "POST"};
    static const std::vector<std::string> post{"POST"};
    const auto& methods = suffix.empty() ? path->methods : suffix == ended_suffix ? both : post;
    if (std::find(methods.begin(), methods.end(), request.method) == methods.end()) {
        const auto allowed = fmt::format("{}", fmt::join(methods, ", "));
        net::Response response = plain(405, fmt::format("Use {}.\n", allowed));
        response.headers.set("Allow", allowed);
        return response;
    }
    Webhook webhook;
    if (auto refusal = refuse(request, webhook)) return std::move(*refusal);
    if (suffix == ended_suffix) return answer_ended(webhook);
    if (suffix == transferred_suffix) return answer_transferred(*path, webhook);
    if (suffix == briefing_suffix) return answer_briefing(*path, webhook);
    return answer_call(*path, webhook);
}

std::optional<net::Response> TwilioService::refuse(const net::Request& request, Webhook& webhook) {
    const Options& options = shared_->options;
    auto public_url = public_url_of(request, options.public_url, shared_->has_told_no_public_url);
    if (!public_url) return plain(400, "The Host header is missing.\n");
    webhook.public_url = std::move(*public_url);
    const bool has_form = request.method == "POST" && is_form(request);
    webhook.form = net::parse_form(has_form ? std::string_view(request.body) : request.query());

    for (auto& [name, value] : net::parse_form(request.query())) {
        if (name == attempt_field && is_sid(value)) webhook.attempt = value;
        if (name == transfer_field && is_sid(value)) webhook.transfer = value;
    }

    const std::string_view call_sid = webhook.field("CallSid");
    const std::string_view shown_sid = is_sid(call_sid) ? call_sid : std::string_view("-");
    if (options.signatures == Signatures::required) {
        const Verdict verdict = shared_->check.check_http(
            {.address = {webhook.public_url, options.listening_port},
             .target = request.target,
             .signature = request.headers.get("X-Twilio-Signature").value_or(""),
             .body = request.body,
             .is_form = has_form,
             .form = &webhook.form});
        if (verdict != Verdict::genuine) {
            // Not a word to the sender; to the operator the usual cause.
            log::warn(
                "twilio.forged_request",
                {{"call", shown_sid},
                 {"path", shortened(request.path(), 80)},
                 {"from", request.peer},
                 {"what", to_string(verdict)},
                 {"remedy",
                  verdict == Verdict::no_token
                      ? "set TWILIO_AUTH_TOKEN"
                      : "check TWILIO_AUTH_TOKEN, and that PUBLIC_URL is the address Twilio calls"}});
            return plain(403, "Forbidden.\n");
        }
    }
    if (!options.account_sid.empty() && webhook.field("AccountSid") != options.account_sid) {
        log::warn("twilio.foreign_account",
                  {{"call", shown_sid}, {"remedy", "check TWILIO_ACCOUNT_SID"}});
        return plain(403, "Forbidden.\n");
    }
    if (!is_sid(call_sid)) return plain(400, "CallSid is missing.\n");
    return std::nullopt;
}

net::Response TwilioService::answer_call(const Path& path, const Webhook& webhook) {
    const std::string call_sid(webhook.field("CallSid"));
    const std::string_view to = webhook.field("To");
    const Sentences& sentences = shared_->options.sentences;
    if (shared_->calls->ending_of(call_sid)) {
        // A signature has no date: an old request, sent again, must not start a call.
        log::warn("twilio.repeated_request", {{"call", call_sid}, {"what", "the call is over"}});
        return document(twiml::hang_up());
    }
    auto* const figures = shared_->options.figures;
    const auto no_agent = [&] {
        if (figures != nullptr) figures->refused_no_agent.add();
        log::warn(
            "twilio.no_agent",
            {{"call", call_sid},
             {"to", masked_number(shortened(to, 64))},
             {"remedy", "add the number, or \"default\", under numbers: in config/parley.yaml"}});
        return document(twiml::say_and_hang_up(sentences.no_agent));
    };
    call::CallInfo info;
    info.call_sid = call_sid;
    info.from = to_valid_utf8(webhook.field("From"));
    info.to = to_valid_utf8(to);
    if (!webhook.attempt.empty() && shared_->options.outgoing) {
        auto outgoing = shared_->options.outgoing(webhook.attempt, call_sid);
        if (!outgoing) {
            log::warn("twilio.unknown_attempt", {{"call", call_sid}, {"attempt", webhook.attempt}});
            return document(twiml::hang_up());
        }
        info.direction = "outbound";
        info.agent = std::move(outgoing->agent);
        info.vars = std::move(outgoing->vars);
        info.basis = std::move(outgoing->basis);
    } else {
        auto route = resolve_(to);
        if (!route) return no_agent();
        info.agent = std::move(route->agent);
        info.basis = std::move(route->basis);
    }
    info.started_at = std::chrono::system_clock::now();
    info.greeted_with = path.greeting.text;
    std::string caller = info.other_party();
    const auto announced = shared_->calls->announce(std::move(info));
    if (!announced) {
        switch (announced.error()) {
            case call::Switchboard::Refusal::busy:
                if (figures != nullptr) figures->refused_busy.add();
                log::warn("twilio.busy",
                          {{"call", call_sid},
                           {"remedy", "raise server.calls_max if the machine can bear it"}});
                return document(twiml::reject_busy());
            case call::Switchboard::Refusal::draining:
                if (figures != nullptr) figures->refused_draining.add();
                return document(twiml::say_and_hang_up(sentences.draining));
            case call::Switchboard::Refusal::unknown_agent: return no_agent();
            case call::Switchboard::Refusal::duplicate:
                log::warn("twilio.repeated_request",
                          {{"call", call_sid}, {"what", "the call is in progress"}});
                return document(twiml::hang_up());
        }
    }
    return document(stream_document(path, webhook, *announced, std::move(caller), path.greeting));
}

std::string TwilioService::stream_document(const Path& path, const Webhook& webhook,
                                           const call::Switchboard::Announced& announced,
                                           std::string caller, const twiml::Say& greeting) const {
    twiml::Stream stream;
    stream.action = webhook.public_url + path.voice + std::string(ended_suffix);
    stream.url = as_websocket(webhook.public_url) + path.stream;
    // Lets the connection move to the call's own thread before a byte of audio has come.
    if (shared_->options.io_threads > 1) stream.url += "/" + std::to_string(announced.home);
    stream.parameters = {{"callSid", std::string(webhook.field("CallSid"))},
                         {"callerNumber", std::move(caller)},
                         {"token", announced.token}};
    return twiml::connect(stream, greeting);
}

net::Response TwilioService::answer_ended(const Webhook& webhook) {
    const auto ending = shared_->calls->ending_of(webhook.field("CallSid"));
    if (!is_apology_due(ending)) return document(twiml::hang_up());
    if (!ending) shared_->calls->caller_left(webhook.field("CallSid"));
    log::warn("twilio.apologised", {{"call", webhook.field("CallSid")},
                                    {"reason", ending ? ending->reason : "unknown call"}});
    return apologise();
}

net::Response TwilioService::apologise() const {
    const Options& options = shared_->options;
    return document(
        twiml::say_and_hang_up(options.apology ? options.apology() : options.sentences.apology));
}

net::Response TwilioService::answer_transferred(const Path& path, const Webhook& webhook) {
    const auto call_sid = webhook.field("CallSid");
    const auto ended = how_it_went({webhook.field("DialCallStatus"), webhook.field("DialBridged"),
                                    webhook.field("CallStatus")},
                                   shared_->transfers.of_call(call_sid));
    if (!ended) {
        shared_->calls->caller_left(call_sid);
        return document(twiml::hang_up());
    }
    const auto announced = shared_->calls->transfer_ended(call_sid, *ended);
    if (ended->how == call::TransferEnded::How::answered) return document(twiml::hang_up());
    if (announced) {
        const bool is_outbound = webhook.field("Direction").starts_with("outbound");
        return document(stream_document(path, webhook, *announced,
                                        to_valid_utf8(webhook.field(is_outbound ? "To" : "From"))));
    }
    // The caller is still there, and no agent is: the process was started again, or is about to go.
    log::warn("twilio.apologised", {{"call", call_sid}, {"reason", "nobody took the transfer"}});
    return apologise();
}

net::Response TwilioService::answer_briefing(const Path& path, const Webhook& webhook) {
    const auto briefing = shared_->transfers.briefing_of(webhook.transfer);
    const auto digits = webhook.field("Digits");
    if (!briefing) {
        log::warn("twilio.unknown_transfer", {{"call", webhook.field("CallSid")}});
        return document(twiml::hang_up());
    }
    if (digits.empty()) {
        return document(
            twiml::ask_for_key(*briefing + " " + shared_->options.sentences.take_call,
                               briefing_url(webhook.public_url, path, webhook.transfer)));
    }
    if (digits != std::string_view(&key_to_accept, 1)) return document(twiml::hang_up());
    shared_->transfers.accept(webhook.transfer);
    return document(twiml::go_on());
}

net::Response TwilioService::take_status(const Webhook& webhook) {
    const auto number = [&](std::string_view name) -> std::optional<int> {
        const auto text = webhook.field(name);
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
        return value;
    };
    if (shared_->options.told) {
        shared_->options.told({.attempt = webhook.attempt,
                               .call_sid = std::string(webhook.field("CallSid")),
                               .status = std::string(webhook.field("CallStatus")),
                               .answered_by = std::string(webhook.field("AnsweredBy")),
                               .sequence = number("SequenceNumber"),
                               .duration_s = number("CallDuration")});
    }
    return net::Response{.status = 204};
}

// ---- media streams --------------------------------------------------------------------------

net::UpgradeAnswer TwilioService::admit(const net::Request& request) {
    net::UpgradeAnswer answer;
    const Options& options = shared_->options;
    const auto suffix = stream_suffix(options.paths, request.path());
    if (!suffix) {
        answer.refusal = plain(404, "Not found.\n");
        return answer;
    }
    if (options.signatures == Signatures::required) {
        const auto public_url =
            public_url_of(request, options.public_url, shared_->has_told_no_public_url);
        const Verdict verdict = !public_url
                                    ? Verdict::forged
                                    : shared_->check.check_websocket(
                                          {*public_url, options.listening_port}, request.target,
                                          request.headers.get("X-Twilio-Signature").value_or(""));
        if (verdict != Verdict::genuine) {
            log::warn(
                "twilio.forged_stream",
                {{"from", request.peer},
                 {"what", to_string(verdict)},
                 {"remedy",
                  "check TWILIO_AUTH_TOKEN, and that PUBLIC_URL is the address Twilio calls"}});
            answer.refusal = plain(403, "Forbidden.\n");
            return answer;
        }
    }
    std::size_t home = options.io_threads;
    if (!suffix->empty()) std::from_chars(suffix->data(), suffix->data() + suffix->size(), home);
    // A bare address, or one written when there were more threads: the call comes to the stream.
    if (home >= options.io_threads) home = shared_->next_home.fetch_add(1) % options.io_threads;
    answer.home = home;
    answer.serve = [shared = shared_, home](std::shared_ptr<net::WebSocket> socket) {
        return TwilioStream::serve(shared, home, std::move(socket));
    };
    return answer;
}

Task<net::Response> TwilioService::on_request(net::Request request) { co_return answer(request); }

Task<net::UpgradeAnswer> TwilioService::on_upgrade(net::Request request) {
    co_return admit(request);
}

// ---- the switchboard ------------------------------------------------------------------------

boost::system::result<call::Switchboard::Announced, call::Switchboard::Refusal>
SwitchboardCalls::announce(call::CallInfo info) {
    return switchboard_.announce(std::move(info));
}

std::optional<TwilioService::Claimed> SwitchboardCalls::claim(std::string_view token,
                                                              std::string_view call_sid,
                                                              std::size_t home) {
    auto session = switchboard_.claim(token, call_sid, home);
    if (!session) return std::nullopt;
    TwilioService::Claimed claimed;
    claimed.attach = [session](std::unique_ptr<call::Channel> channel) {
        return session->attach(std::move(channel));
    };
    const auto& info = session->info();
    claimed.our_number = info.direction == "outbound" ? info.from : info.to;
    claimed.events = std::move(session);
    return claimed;
}

std::optional<call::Finish> SwitchboardCalls::ending_of(std::string_view call_sid) const {
    return switchboard_.ending_of(call_sid);
}

std::optional<call::Switchboard::Announced> SwitchboardCalls::transfer_ended(
    std::string_view call_sid, call::TransferEnded ended) {
    return switchboard_.transfer_ended(call_sid, std::move(ended));
}

void SwitchboardCalls::caller_left(std::string_view call_sid) {
    switchboard_.caller_left(call_sid);
}

}  // namespace parley::telephony
