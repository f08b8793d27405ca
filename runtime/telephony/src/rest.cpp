#include <parley/telephony/rest.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/log.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <random>

namespace parley::telephony {
namespace {

constexpr int call_not_in_progress = 21220;  // Twilio's code for updating a call that is over
constexpr std::string_view own_host = "api.twilio.com";
constexpr std::string_view api_version = "/2010-04-01";

double chance() {
    thread_local std::minstd_rand random(std::random_device{}());
    return std::uniform_real_distribution<double>(0, 1)(random);
}

std::optional<int> seconds_of(const json::object& from, std::string_view key) {
    const auto number = json_read::integer(from, key);
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

CallResource call_of(const json::object& from) {
    const auto text = [&](std::string_view key) { return json_read::text(from, key); };
    return {.sid = text("sid"),
            .status = text("status"),
            .direction = text("direction"),
            .to = text("to"),
            .from = text("from"),
            .answered_by = text("answered_by"),
            .date_created = text("date_created"),
            .duration_s = seconds_of(from, "duration")};
}

RecordingResource recording_of(const json::object& from) {
    return {.sid = json_read::text(from, "sid"),
            .call_sid = json_read::text(from, "call_sid"),
            .status = json_read::text(from, "status"),
            .duration_s = seconds_of(from, "duration")};
}

// An answer without a SID is none that we can work with.
template <class Resource>
RestResult<Resource> with_sid(Resource resource) {
    if (!resource.sid.empty()) return resource;
    return RestFailure{RestFailure::Kind::unclear, 200, 0, "the answer names no sid"};
}

RestFailure failure_of(const net::FetchFailure& why) {
    using Kind = net::FetchFailure::Kind;
    const bool never_sent = why.kind == Kind::dns || why.kind == Kind::refused ||
                            why.kind == Kind::tls || why.kind == Kind::invalid ||
                            why.kind == Kind::not_allowed;
    return {never_sent ? RestFailure::Kind::unreachable : RestFailure::Kind::unclear, 0, 0,
            why.what};
}

RestFailure failure_of(const net::Response& response) {
    RestFailure failure;
    failure.status = response.status;
    // A proxy's answer may be HTML.
    const auto parsed = json_read::parse(response.body);
    if (const auto* body = parsed ? parsed->if_object() : nullptr) {
        failure.code = json_read::integer(*body, "code").value_or(0);
        failure.what = shortened(json_read::text(*body, "message"), 300);
    }
    if (failure.what.empty()) failure.what = fmt::format("status {}", response.status);
    using Kind = RestFailure::Kind;
    if (response.status == 429) {
        failure.kind = Kind::busy;
    } else if (response.status == 401 || response.status == 403) {
        failure.kind = Kind::credentials;
    } else if (response.status == 404 || failure.code == call_not_in_progress) {
        failure.kind = Kind::gone;
    } else if (response.status >= 400 && response.status < 500) {
        failure.kind = Kind::refused;
    } else {
        failure.kind = Kind::unclear;
    }
    return failure;
}

std::string_view channels_of(NewCall::Record record) {
    return record == NewCall::Record::dual ? "dual" : "mono";
}

}  // namespace

void throw_exception_from_error(const RestFailure& failure, const boost::source_location&) {
    throw std::runtime_error(failure.what);
}

std::optional<milliseconds> pause_before_next(const RetryRules& rules, Repeat repeat,
                                              int tries_made, const RestFailure& failure,
                                              std::optional<std::string_view> retry_after,
                                              double chance) {
    using Kind = RestFailure::Kind;
    const bool is_passing = failure.kind == Kind::busy || failure.kind == Kind::unreachable ||
                            (failure.kind == Kind::unclear && repeat == Repeat::freely);
    if (!is_passing || tries_made >= rules.tries_max) return std::nullopt;
    milliseconds most = rules.first_pause * (1 << std::min(tries_made, 10));
    most = std::min(most, rules.pause_max);
    const milliseconds pause(static_cast<std::int64_t>(static_cast<double>(most.count()) *
                                                       std::clamp(chance, 0.0, 1.0)));
    if (!retry_after) return pause;
    int seconds = 0;
    const auto text = trim(*retry_after);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc() || end != text.data() + text.size() || seconds < 0) return pause;
    return std::min<milliseconds>(std::chrono::seconds(seconds), rules.retry_after_max) + pause;
}

std::string regional_address(std::string base_url, const std::string& region,
                             const std::string& edge) {
    const auto at = base_url.find(own_host);
    if (at == std::string::npos || (region.empty() && edge.empty())) return base_url;
    std::string host = "api.";
    if (!edge.empty()) host += edge + ".";
    host += (region.empty() ? "us1" : region) + ".twilio.com";
    return base_url.replace(at, own_host.size(), host);
}

Checked<TwilioRest::Ask> TwilioRest::make(Options options) {
    options.base_url = regional_address(std::move(options.base_url), options.region, options.edge);
    auto base = net::Url::parse(options.base_url);
    if (!base) return base.error();
    if (base->scheme != "https" && base->scheme != "http") {
        return Fault{"TWILIO_BASE_URL", "expected an https address", "use https://api.twilio.com"};
    }
    const bool has_key = !options.api_key.empty() && !options.api_secret.empty();
    if (options.account_sid.empty() || (options.auth_token.empty() && !has_key)) {
        return Fault{"twilio", "Twilio's REST API needs an account and its token or an API key",
                     "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and "
                     "TWILIO_API_SECRET)"};
    }
    return Ask(new TwilioRest(std::move(options), std::move(*base)));
}

TwilioRest::TwilioRest(Options options, net::Url base)
    : options_(std::move(options)), base_(std::move(base)) {
    base_.target = base_.target.substr(0, base_.target.find_first_of("?#"));
    while (!base_.target.empty() && base_.target.back() == '/') base_.target.pop_back();
    const bool has_key = !options_.api_key.empty() && !options_.api_secret.empty();
    authorization_ =
        "Basic " + base64::encode(has_key
                                      ? options_.api_key + ":" + options_.api_secret.reveal()
                                      : options_.account_sid + ":" + options_.auth_token.reveal());
}

std::string TwilioRest::target(std::string_view path, const Fields& query) const {
    std::string text = base_.target + std::string(api_version) + "/Accounts/" +
                       net::percent_encode(options_.account_sid) + std::string(path);
    if (!query.empty()) text += "?" + net::encode_form(query);
    return text;
}

Task<RestResult<json::object>> TwilioRest::ask(Ask rest, std::string method, std::string target,
                                               Fields fields, Repeat repeat) {
    for (int tries = 1;; ++tries) {
        net::Url url = rest->base_;
        url.target = target;
        net::Request request;
        request.method = method;
        request.target = target;
        request.headers.set("Authorization", rest->authorization_);
        request.headers.set("Accept", "application/json");
        if (method == "POST") {
            request.headers.set("Content-Type", "application/x-www-form-urlencoded");
            request.body = net::encode_form(fields);
        }
        auto asking = net::fetch_or_why(std::move(url), std::move(request), rest->options_.limits);
        const auto answer = co_await std::move(asking);
        std::optional<std::string_view> retry_after;
        RestFailure failure;
        if (!answer) {
            failure = failure_of(answer.error());
        } else if (answer->status >= 200 && answer->status < 300) {
            auto parsed = json_read::parse(answer->body);
            if (answer->body.empty() || (parsed && parsed->is_object())) {
                co_return parsed ? std::move(parsed->get_object()) : json::object();
            }
            failure = {RestFailure::Kind::unclear, answer->status, 0, "the answer is no JSON"};
        } else {
            failure = failure_of(*answer);
            retry_after = answer->headers.get("Retry-After");
        }
        const auto pause =
            pause_before_next(rest->options_.retry, repeat, tries, failure, retry_after, chance());
        if (!pause) co_return failure;
        asio::steady_timer timer(co_await asio::this_coro::executor, *pause);
        co_await timer.async_wait(asio::use_awaitable);
    }
}

Task<RestResult<std::vector<json::object>>> TwilioRest::list(Ask rest, std::string target,
                                                             std::string key) {
    std::vector<json::object> all;
    for (std::size_t page = 0; page < rest->options_.pages_max; ++page) {
        auto asking = ask(rest, "GET", target, {}, Repeat::freely);
        auto body = co_await std::move(asking);
        if (!body) co_return body.error();
        if (auto* items = body->if_contains(key); items != nullptr && items->is_array()) {
            for (auto& item : items->get_array()) {
                if (item.is_object()) all.push_back(std::move(item.get_object()));
            }
        }
        // Followed as it is, but only below our own address: a path, never another host.
        const auto next = json_read::text(*body, "next_page_uri");
        if (next.empty()) co_return all;
        if (!next.starts_with('/') || next.starts_with("//")) {
            co_return RestFailure{RestFailure::Kind::refused, 200, 0,
                                  "the next page of the list is at another address"};
        }
        target = rest->base_.target + next;
    }
    co_return RestFailure{RestFailure::Kind::refused, 200, 0, "the list has too many pages"};
}

Task<RestResult<CallResource>> TwilioRest::place(Ask rest, NewCall call) {
    Fields fields{{"To", call.to}, {"From", call.from}};
    if (call.twiml.empty()) {
        fields.emplace_back("Url", call.url);
        fields.emplace_back("Method", call.method);
    } else {
        fields.emplace_back("Twiml", call.twiml);
    }
    if (!call.status_callback.empty()) {
        fields.emplace_back("StatusCallback", call.status_callback);
        fields.emplace_back("StatusCallbackMethod", "POST");
        for (const auto& event : call.status_events)
            fields.emplace_back("StatusCallbackEvent", event);
    }
    if (call.ring_limit) fields.emplace_back("Timeout", std::to_string(call.ring_limit->count()));
    if (call.duration_limit)
        fields.emplace_back("TimeLimit", std::to_string(call.duration_limit->count()));
    if (!call.send_digits.empty()) fields.emplace_back("SendDigits", call.send_digits);
    if (call.detection != NewCall::Detection::none && call.send_digits.empty()) {
        fields.emplace_back("MachineDetection", call.detection == NewCall::Detection::start
                                                    ? "Enable"
                                                    : "DetectMessageEnd");
        if (!call.detection_callback.empty()) {
            fields.emplace_back("AsyncAmd", "true");
            fields.emplace_back("AsyncAmdStatusCallback", call.detection_callback);
            fields.emplace_back("AsyncAmdStatusCallbackMethod", "POST");
        }
    }
    if (call.record != NewCall::Record::no) {
        fields.emplace_back("Record", "true");
        fields.emplace_back("RecordingChannels", channels_of(call.record));
        if (!call.recording_callback.empty())
            fields.emplace_back("RecordingStatusCallback", call.recording_callback);
    }
    auto asking =
        ask(rest, "POST", rest->target("/Calls.json"), std::move(fields), Repeat::when_undone);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(call_of(*body));
}

Task<RestResult<CallResource>> TwilioRest::change(Ask rest, std::string call_sid,
                                                  CallChange change) {
    Fields fields;
    if (!change.status.empty()) fields.emplace_back("Status", change.status);
    if (!change.twiml.empty()) fields.emplace_back("Twiml", change.twiml);
    if (!change.url.empty()) {
        fields.emplace_back("Url", change.url);
        fields.emplace_back("Method", "POST");
    }
    auto asking =
        ask(rest, "POST", rest->target("/Calls/" + net::percent_encode(call_sid) + ".json"),
            std::move(fields), Repeat::when_undone);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return call_of(*body);
}

Task<RestResult<CallResource>> TwilioRest::fetch(Ask rest, std::string call_sid) {
    auto asking =
        ask(rest, "GET", rest->target("/Calls/" + net::percent_encode(call_sid) + ".json"), {},
            Repeat::freely);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(call_of(*body));
}

Task<RestResult<std::vector<CallResource>>> TwilioRest::calls(Ask rest, CallQuery query) {
    Fields fields;
    if (!query.to.empty()) fields.emplace_back("To", query.to);
    if (!query.from.empty()) fields.emplace_back("From", query.from);
    if (!query.status.empty()) fields.emplace_back("Status", query.status);
    fields.emplace_back("PageSize", "200");
    auto asking = list(rest, rest->target("/Calls.json", fields), "calls");
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    std::vector<CallResource> all;
    for (const auto& each : *found) all.push_back(call_of(each));
    co_return all;
}

Task<RestResult<std::vector<NumberResource>>> TwilioRest::numbers(Ask rest) {
    auto asking = list(rest, rest->target("/IncomingPhoneNumbers.json", {{"PageSize", "1000"}}),
                       "incoming_phone_numbers");
    const auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    std::vector<NumberResource> all;
    for (const auto& each : *found) {
        all.push_back({json_read::text(each, "sid"), json_read::text(each, "phone_number"),
                       json_read::text(each, "friendly_name")});
    }
    co_return all;
}

Task<RestResult<MessageResource>> TwilioRest::send(Ask rest, NewMessage message) {
    Fields fields{{"To", message.to}, {"From", message.from}, {"Body", message.body}};
    if (!message.status_callback.empty())
        fields.emplace_back("StatusCallback", message.status_callback);
    auto asking =
        ask(rest, "POST", rest->target("/Messages.json"), std::move(fields), Repeat::when_undone);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(
        MessageResource{json_read::text(*body, "sid"), json_read::text(*body, "status")});
}

Task<RestResult<RecordingResource>> TwilioRest::start_recording(Ask rest, std::string call_sid,
                                                                NewCall::Record channels,
                                                                std::string status_callback) {
    Fields fields{{"RecordingChannels", std::string(channels_of(channels))}};
    if (!status_callback.empty())
        fields.emplace_back("RecordingStatusCallback", std::move(status_callback));
    auto asking = ask(rest, "POST",
                      rest->target("/Calls/" + net::percent_encode(call_sid) + "/Recordings.json"),
                      std::move(fields), Repeat::when_undone);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(recording_of(*body));
}

Task<RestResult<RecordingResource>> TwilioRest::set_recording(Ask rest, std::string call_sid,
                                                              std::string recording_sid,
                                                              RecordingState state) {
    Fields fields;
    switch (state) {
        case RecordingState::paused:
            fields = {{"Status", "paused"}, {"PauseBehavior", "silence"}};
            break;
        case RecordingState::in_progress: fields = {{"Status", "in-progress"}}; break;
        case RecordingState::stopped: fields = {{"Status", "stopped"}}; break;
    }
    if (recording_sid.empty()) recording_sid = "Twilio.CURRENT";
    auto asking = ask(rest, "POST",
                      rest->target("/Calls/" + net::percent_encode(call_sid) + "/Recordings/" +
                                   net::percent_encode(recording_sid) + ".json"),
                      std::move(fields), Repeat::freely);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(recording_of(*body));
}

Task<RestResult<RecordingResource>> TwilioRest::recording(Ask rest, std::string recording_sid) {
    auto asking = ask(rest, "GET",
                      rest->target("/Recordings/" + net::percent_encode(recording_sid) + ".json"),
                      {}, Repeat::freely);
    auto body = co_await std::move(asking);
    if (!body) co_return body.error();
    co_return with_sid(recording_of(*body));
}

Task<TwilioRest::Ended> TwilioRest::end_call(Ask rest, std::string call_sid) {
    auto asking = change(rest, call_sid, {.status = "completed"});
    const auto answer = co_await std::move(asking);
    if (answer) co_return Ended::now;
    const RestFailure& why = answer.error();
    if (why.kind == RestFailure::Kind::gone) co_return Ended::before;
    log::warn("twilio.end_call_failed",
              {{"call", call_sid},
               {"status", why.status},
               {"code", why.code},
               {"what", why.kind == RestFailure::Kind::credentials
                            ? "refused: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
                            : std::string_view(why.what)}});
    co_return Ended::failed;
}

}  // namespace parley::telephony
