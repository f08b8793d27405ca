#include <parley/sim/twilio_account.hpp>

#include <parley/core/base64.hpp>
#include <parley/core/crypto.hpp>
#include <parley/core/phone_number.hpp>
#include <parley/core/text.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>

namespace parley::sim {

namespace {

constexpr std::size_t page_size_default = 50;
constexpr std::size_t page_size_max = 1'000;
constexpr std::size_t twiml_chars_max = 4'000;
constexpr std::size_t message_chars_max = 1'600;
constexpr std::size_t segment_chars = 160;

net::Response json_response(int status, const json::object& body) {
    net::Response response{.status = status, .content_type = "application/json"};
    response.body = json::serialize(body);
    return response;
}

TwilioAccount::Answer rest_error(int status, int code, std::string_view message) {
    return {json_response(
        status, {{"code", code},
                 {"message", message},
                 {"more_info", fmt::format("https://www.twilio.com/docs/errors/{}", code)},
                 {"status", status}})};
}

TwilioAccount::Answer not_found(const net::Request& request) {
    return rest_error(404, 20404,
                      fmt::format("The requested resource {} was not found", request.path()));
}

TwilioAccount::Answer wrong_method() { return rest_error(405, 20004, "Method not allowed"); }

std::string field_of(const Form& form, std::string_view name) {
    for (const auto& [known, value] : form) {
        if (known == name) return value;
    }
    return {};
}

bool matches(std::string_view pattern, std::string_view number) {
    if (pattern.ends_with('*')) return number.starts_with(pattern.substr(0, pattern.size() - 1));
    return pattern == number;
}

// Not the bytes of UTF-8.
std::size_t chars_in(std::string_view text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
}

json::value text_or_null(const std::string& text) {
    return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value date_or_null(const std::optional<WallTime>& when) {
    return when ? json::value(rfc2822(*when)) : json::value(nullptr);
}

std::int64_t seconds_between(WallTime begin, WallTime end) {
    return std::chrono::duration_cast<std::chrono::seconds>(end - begin).count();
}

std::string_view event_of(std::string_view status) {
    if (status == "initiated" || status == "ringing") return status;
    return status == "in-progress" ? "answered" : "completed";
}

}  // namespace

std::string rfc2822(WallTime when) {
    return fmt::format("{:%a, %d %b %Y %H:%M:%S} +0000",
                       fmt::gmtime(std::chrono::system_clock::to_time_t(when)));
}

std::string TwilioAccount::Call::field(std::string_view name) const {
    return field_of(wanted, name);
}

bool TwilioAccount::Call::is_over() const {
    return status == "completed" || status == "busy" || status == "no-answer" ||
           status == "failed" || status == "canceled";
}

std::string TwilioAccount::uri(std::string_view path) const {
    return fmt::format("/2010-04-01/Accounts/{}{}", options_.account_sid, path);
}

bool TwilioAccount::is_authorized(const net::Request& request) const {
    const auto given = request.headers.get("Authorization").value_or("");
    const auto matches_pair = [&](const std::string& user, const std::string& password) {
        const std::string pair = user + ":" + password;
        return !user.empty() && given == "Basic " + base64::encode(std::string_view(pair));
    };
    return matches_pair(options_.account_sid, options_.auth_token) ||
           matches_pair(options_.api_key, options_.api_secret);
}

TwilioAccount::Answer TwilioAccount::answer(const net::Request& request, WallTime now) {
    // "", 2010-04-01, Accounts, AC…, then what is below the account without ".json"
    std::vector<std::string> path;
    for (const auto part : split(request.path(), '/')) path.emplace_back(part);
    if (path.size() < 5 || path[1] != "2010-04-01" || path[2] != "Accounts" ||
        !path.back().ends_with(".json"))
        return rest_error(404, 20404, "The requested resource was not found");
    path.back().resize(path.back().size() - 5);
    if (!is_authorized(request)) return rest_error(401, 20003, "Authenticate");
    if (path[3] != options_.account_sid) return not_found(request);
    const Form form = net::parse_form(request.body);
    const Form query = net::parse_form(request.query());
    const bool is_post = request.method == "POST";
    if (path[4] == "Calls" && path.size() == 5) {
        if (is_post) return create_call(form, now);
        return request.method == "GET" ? calls_list(request, query) : wrong_method();
    }
    if (path[4] == "Calls" && path.size() >= 6) {
        const auto found = calls_.find(path[5]);
        if (found == calls_.end()) return not_found(request);
        if (path.size() == 6) {
            if (is_post) return update_call(found->second, form, now);
            return request.method == "GET" ? Answer{json_response(200, to_json(found->second))}
                                           : wrong_method();
        }
        if (path[6] == "Recordings") return recordings(request, path, form, now);
    }
    if (path[4] == "Recordings") return recordings(request, path, form, now);
    if (path[4] == "Messages") return messages(request, path, form, query, now);
    if (path[4] == "IncomingPhoneNumbers") return phone_numbers(request, path, form, query);
    return not_found(request);
}

// ---- calls ----------------------------------------------------------------------------------

void TwilioAccount::add(Call call) {
    order_.push_back(call.sid);
    calls_.insert_or_assign(call.sid, std::move(call));
}

const TwilioAccount::Call* TwilioAccount::find(std::string_view sid) const {
    const auto found = calls_.find(sid);
    return found == calls_.end() ? nullptr : &found->second;
}

std::vector<const TwilioAccount::Call*> TwilioAccount::calls() const {
    std::vector<const Call*> all;
    for (const auto& sid : order_) all.push_back(&calls_.at(sid));
    return all;
}

TwilioAccount::Answer TwilioAccount::create_call(const Form& form, WallTime now) {
    if (options_.creates_per_second > 0) {
        const double most = std::max(1.0, options_.creates_per_second);
        const double passed =
            creates_counted_at_ ? std::chrono::duration<double>(now - *creates_counted_at_).count()
                                : 0;
        creates_counted_at_ = now;
        creates_left_ = std::min(most, creates_left_ + passed * options_.creates_per_second);
        if (creates_left_ < 1) {
            auto busy = rest_error(429, 20429, "Too Many Requests");
            busy.response.headers.set("Retry-After", "1");
            return busy;
        }
        creates_left_ -= 1;
    }
    const auto to = field_of(form, "To");
    const auto from = field_of(form, "From");
    if (to.empty()) return rest_error(400, 21201, "No 'To' number is specified");
    if (!is_e164(to))
        return rest_error(400, 21211,
                          fmt::format("The 'To' number {} is not a valid phone number.", to));
    if (from.empty()) return rest_error(400, 21213, "No 'From' number is specified");
    if (!is_e164(from))
        return rest_error(400, 21212,
                          fmt::format("The 'From' number {} is not a valid phone number.", from));
    const bool is_ours =
        std::any_of(options_.numbers.begin(), options_.numbers.end(),
                    [&](const Number& number) { return number.phone_number == from; });
    if (!options_.numbers.empty() && !is_ours)
        return rest_error(
            400, 21210,
            fmt::format("The source phone number provided, {}, is not yet verified for your "
                        "account.",
                        from));
    const bool may_go =
        options_.geo_prefixes.empty() ||
        std::any_of(options_.geo_prefixes.begin(), options_.geo_prefixes.end(),
                    [&](const std::string& prefix) { return to.starts_with(prefix); });
    if (!may_go)
        return rest_error(400, 21215,
                          fmt::format("Account not authorized to call {}. Geo permission.", to));
    const auto url = field_of(form, "Url");
    const auto twiml = field_of(form, "Twiml");
    if (url.empty() && twiml.empty() && field_of(form, "ApplicationSid").empty())
        return rest_error(400, 21205, "Url parameter is required.");
    if (!url.empty() && !url.starts_with("http://") && !url.starts_with("https://"))
        return rest_error(400, 21205, fmt::format("Url is not a valid URL: {}", url));
    if (twiml.size() > twiml_chars_max) return rest_error(400, 21218, "Twiml is too long");
    static const std::regex digits("[0-9A-D#*wW]{0,32}");
    if (!std::regex_match(field_of(form, "SendDigits"), digits))
        return rest_error(400, 21229, "Invalid SendDigits");
    Call call{.sid = "CA" + crypto::random_hex(16), .to = to, .from = from};
    call.wanted = form;
    call.created_at = now;
    const auto sid = call.sid;
    auto body = to_json(call);
    add(std::move(call));
    return {json_response(201, body), {{.kind = Effect::Kind::dial, .call_sid = sid}}};
}

TwilioAccount::Answer TwilioAccount::update_call(Call& call, const Form& form, WallTime) {
    const auto status = field_of(form, "Status");
    const auto url = field_of(form, "Url");
    const auto twiml = field_of(form, "Twiml");
    if (!status.empty() && status != "completed" && status != "canceled")
        return rest_error(400, 20001, fmt::format("Invalid Status '{}'", status));
    if (status.empty() && url.empty() && twiml.empty())
        return rest_error(400, 20001, "Nothing to update");
    if (call.is_over()) return rest_error(400, 21220, "Call is not in-progress. Cannot redirect.");
    if (!status.empty()) {
        if (status == "canceled" && call.status == "in-progress")
            return rest_error(400, 21220, "Call is in-progress. Cannot cancel.");
        return {json_response(200, to_json(call)),
                {{.kind = Effect::Kind::end, .call_sid = call.sid}}};
    }
    if (call.status != "in-progress")
        return rest_error(400, 21220, "Call is not in-progress. Cannot redirect.");
    if (twiml.size() > twiml_chars_max) return rest_error(400, 21218, "Twiml is too long");
    const auto method = field_of(form, "Method");
    return {json_response(200, to_json(call)),
            {{.kind = Effect::Kind::replace,
              .call_sid = call.sid,
              .url = url,
              .method = method.empty() ? "POST" : method,
              .twiml = url.empty() ? twiml : ""}}};
}

TwilioAccount::Answer TwilioAccount::calls_list(const net::Request& request,
                                                const Form& query) const {
    std::vector<json::object> all;
    for (auto sid = order_.rbegin(); sid != order_.rend(); ++sid) {
        const Call& call = calls_.at(*sid);
        const auto fits = [&](std::string_view name, const std::string& value) {
            const auto wanted = field_of(query, name);
            return wanted.empty() || wanted == value;
        };
        if (fits("To", call.to) && fits("From", call.from) && fits("Status", call.status))
            all.push_back(to_json(call));
    }
    return page("calls", request, query, std::move(all));
}

std::vector<TwilioAccount::Effect> TwilioAccount::moved(const std::string& sid,
                                                        std::string_view status, WallTime now) {
    std::vector<Effect> effects;
    const auto found = calls_.find(sid);
    if (found == calls_.end() || found->second.is_over()) return effects;
    Call& call = found->second;
    if (status == call.status) return effects;
    if (status != "initiated") call.status = status;  // the resource stays queued meanwhile
    if (status == "in-progress") call.answered_at = now;
    if (status == "in-progress" && call.field("Record") == "true") {
        recordings_.push_back({.sid = "RE" + crypto::random_hex(16),
                               .call_sid = sid,
                               .status = "in-progress",
                               .channels = call.field("RecordingChannels"),
                               .callback = call.field("RecordingStatusCallback"),
                               .began_at = now});
    }
    if (call.is_over()) {
        call.ended_at = now;
        effects = end_recordings(call, now);
    }
    const auto url = call.field("StatusCallback");
    bool is_wanted = false;
    bool has_choice = false;
    for (const auto& [name, value] : call.wanted) {
        if (name != "StatusCallbackEvent") continue;
        has_choice = true;
        is_wanted = is_wanted || value == event_of(status);
    }
    if (!has_choice) is_wanted = call.is_over();
    if (url.empty() || !is_wanted) return effects;
    Effect callback{.kind = Effect::Kind::callback, .call_sid = sid, .url = url};
    callback.form = {{"AccountSid", options_.account_sid},
                     {"ApiVersion", "2010-04-01"},
                     {"CallSid", sid},
                     {"CallStatus", std::string(status)},
                     {"CallbackSource", "call-progress-events"},
                     {"Called", call.to},
                     {"Caller", call.from},
                     {"Direction", call.direction},
                     {"From", call.from},
                     {"SequenceNumber", std::to_string(call.sequence++)},
                     {"Timestamp", rfc2822(now)},
                     {"To", call.to}};
    if (call.is_over()) {
        const auto length = call.answered_at ? seconds_between(*call.answered_at, now) : 0;
        callback.form.emplace_back("CallDuration", std::to_string(length));
        callback.form.emplace_back("Duration", std::to_string((length + 59) / 60));
        callback.form.emplace_back("SipResponseCode", status == "busy"        ? "486"
                                                      : status == "no-answer" ? "487"
                                                      : status == "failed"    ? "404"
                                                                              : "200");
    }
    if (!call.answered_by.empty()) callback.form.emplace_back("AnsweredBy", call.answered_by);
    effects.push_back(std::move(callback));
    return effects;
}

std::vector<TwilioAccount::Effect> TwilioAccount::detected(const std::string& sid,
                                                           std::string_view answered_by,
                                                           milliseconds took) {
    const auto found = calls_.find(sid);
    if (found == calls_.end() || found->second.is_over()) return {};
    Call& call = found->second;
    call.answered_by = answered_by;
    const auto url = call.field("AsyncAmdStatusCallback");
    if (url.empty()) return {};
    Effect callback{.kind = Effect::Kind::callback, .call_sid = sid, .url = url};
    callback.form = {{"AccountSid", options_.account_sid},
                     {"AnsweredBy", call.answered_by},
                     {"CallSid", sid},
                     {"MachineDetectionDuration", std::to_string(took.count())}};
    return {std::move(callback)};
}

json::object TwilioAccount::to_json(const Call& call) const {
    const auto below = [&](std::string_view what) {
        return uri(fmt::format("/Calls/{}/{}.json", call.sid, what));
    };
    json::value duration = nullptr;
    if (call.is_over() && call.ended_at)
        duration = std::to_string(
            call.answered_at ? seconds_between(*call.answered_at, *call.ended_at) : 0);
    return {
        {"sid", call.sid},
        {"account_sid", options_.account_sid},
        {"parent_call_sid", nullptr},
        {"status", call.status},
        {"direction", call.direction},
        {"to", call.to},
        {"to_formatted", call.to},
        {"from", call.from},
        {"from_formatted", call.from},
        {"phone_number_sid", nullptr},
        {"start_time", date_or_null(call.answered_at)},
        {"end_time", date_or_null(call.ended_at)},
        {"duration", duration},
        {"price", nullptr},
        {"price_unit", "USD"},
        {"answered_by", text_or_null(call.answered_by)},
        {"annotation", nullptr},
        {"api_version", "2010-04-01"},
        {"forwarded_from", nullptr},
        {"group_sid", nullptr},
        {"caller_name", nullptr},
        {"queue_time", "0"},
        {"trunk_sid", nullptr},
        {"date_created", rfc2822(call.created_at)},
        {"date_updated", rfc2822(call.ended_at.value_or(call.created_at))},
        {"uri", uri(fmt::format("/Calls/{}.json", call.sid))},
        {"subresource_uris", {{"recordings", below("Recordings")}, {"streams", below("Streams")}}}};
}

// ---- recordings -----------------------------------------------------------------------------

TwilioAccount::Answer TwilioAccount::recordings(const net::Request& request,
                                                const std::vector<std::string>& path,
                                                const Form& form, WallTime now) {
    const bool of_call = path[4] == "Calls";
    const std::size_t depth = of_call ? 7 : 5;  // of the list
    const auto belongs = [&](const Recording& each) {
        return !of_call || each.call_sid == path[5];
    };
    if (path.size() == depth) {
        if (request.method == "GET") {
            std::vector<json::object> all;
            for (const auto& each : recordings_) {
                if (belongs(each)) all.push_back(to_json(each));
            }
            return page("recordings", request, net::parse_form(request.query()), std::move(all));
        }
        if (request.method != "POST" || !of_call) return wrong_method();
        if (calls_.at(path[5]).status != "in-progress")
            return rest_error(400, 21220, "Call is not in-progress. Cannot record.");
        auto channels = field_of(form, "RecordingChannels");
        recordings_.push_back({.sid = "RE" + crypto::random_hex(16),
                               .call_sid = path[5],
                               .status = "in-progress",
                               .channels = channels.empty() ? "mono" : channels,
                               .callback = field_of(form, "RecordingStatusCallback"),
                               .began_at = now});
        return {json_response(201, to_json(recordings_.back()))};
    }
    if (path.size() != depth + 1) return not_found(request);
    const auto& sid = path[depth];
    const auto found =
        std::find_if(recordings_.rbegin(), recordings_.rend(), [&](const auto& each) {
            const bool runs = each.status == "in-progress" || each.status == "paused";
            return belongs(each) && (each.sid == sid || (sid == "Twilio.CURRENT" && runs));
        });
    if (found == recordings_.rend()) return not_found(request);
    if (request.method == "GET") return {json_response(200, to_json(*found))};
    if (request.method == "DELETE") {
        recordings_.erase(std::next(found).base());
        return {net::Response{.status = 204}};
    }
    if (request.method != "POST" || !of_call) return wrong_method();
    const auto status = field_of(form, "Status");
    if (status != "paused" && status != "in-progress" && status != "stopped")
        return rest_error(400, 20001, fmt::format("Invalid Status '{}'", status));
    if (found->ended_at) return rest_error(400, 21220, "Recording is over. Cannot change it.");
    found->status = status;
    Answer answer{json_response(200, to_json(*found))};
    if (status == "stopped") {
        found->ended_at = now;
        found->status = "completed";
        if (!found->callback.empty())
            answer.effects.push_back(recording_callback(calls_.at(found->call_sid), *found));
    }
    return answer;
}

std::vector<TwilioAccount::Effect> TwilioAccount::end_recordings(const Call& call, WallTime now) {
    std::vector<Effect> effects;
    for (auto& each : recordings_) {
        if (each.call_sid != call.sid || each.ended_at) continue;
        each.ended_at = now;
        each.status = "completed";
        if (!each.callback.empty()) effects.push_back(recording_callback(call, each));
    }
    return effects;
}

TwilioAccount::Effect TwilioAccount::recording_callback(const Call& call,
                                                        const Recording& recording) const {
    Effect callback{
        .kind = Effect::Kind::callback, .call_sid = call.sid, .url = recording.callback};
    const auto address = uri(fmt::format("/Recordings/{}", recording.sid));
    callback.form = {{"AccountSid", options_.account_sid},
                     {"CallSid", call.sid},
                     {"RecordingChannels", recording.channels == "dual" ? "2" : "1"},
                     {"RecordingDuration",
                      std::to_string(seconds_between(
                          recording.began_at, recording.ended_at.value_or(recording.began_at)))},
                     {"RecordingSid", recording.sid},
                     {"RecordingSource", "StartCallRecordingAPI"},
                     {"RecordingStartTime", rfc2822(recording.began_at)},
                     {"RecordingStatus", recording.status},
                     {"RecordingTrack", "both"},
                     {"RecordingUrl", "https://api.twilio.com" + address}};
    return callback;
}

json::object TwilioAccount::to_json(const Recording& recording) const {
    json::value duration = nullptr;
    if (recording.ended_at)
        duration = std::to_string(seconds_between(recording.began_at, *recording.ended_at));
    return {{"sid", recording.sid},
            {"account_sid", options_.account_sid},
            {"call_sid", recording.call_sid},
            {"conference_sid", nullptr},
            {"status", recording.status},
            {"channels", recording.channels == "dual" ? 2 : 1},
            {"source", "StartCallRecordingAPI"},
            {"track", "both"},
            {"duration", duration},
            {"price", nullptr},
            {"price_unit", "USD"},
            {"error_code", nullptr},
            {"api_version", "2010-04-01"},
            {"start_time", rfc2822(recording.began_at)},
            {"date_created", rfc2822(recording.began_at)},
            {"date_updated", rfc2822(recording.ended_at.value_or(recording.began_at))},
            {"uri", uri(fmt::format("/Recordings/{}.json", recording.sid))}};
}

// ---- messages -------------------------------------------------------------------------------

TwilioAccount::Answer TwilioAccount::messages(const net::Request& request,
                                              const std::vector<std::string>& path,
                                              const Form& form, const Form& query, WallTime now) {
    if (path.size() == 6) {
        for (const auto& each : messages_) {
            if (each.sid == path[5]) return {json_response(200, to_json(each))};
        }
        return not_found(request);
    }
    if (path.size() != 5) return not_found(request);
    if (request.method == "GET") {
        std::vector<json::object> all;
        for (auto each = messages_.rbegin(); each != messages_.rend(); ++each)
            all.push_back(to_json(*each));
        return page("messages", request, query, std::move(all));
    }
    if (request.method != "POST") return wrong_method();
    const auto to = field_of(form, "To");
    const auto from = field_of(form, "From");
    const auto body = field_of(form, "Body");
    if (to.empty()) return rest_error(400, 21604, "A 'To' phone number is required.");
    if (!is_e164(to))
        return rest_error(400, 21211, fmt::format("Invalid 'To' Phone Number: {}", to));
    if (from.empty() && field_of(form, "MessagingServiceSid").empty())
        return rest_error(400, 21603, "A 'From' phone number is required.");
    if (to == from) return rest_error(400, 21266, "'To' and 'From' number cannot be the same");
    const bool is_ours =
        options_.numbers.empty() || from.empty() ||
        std::any_of(options_.numbers.begin(), options_.numbers.end(),
                    [&](const Number& number) { return number.phone_number == from; });
    if (!is_ours)
        return rest_error(400, 21606,
                          fmt::format("The 'From' phone number provided ({}) is not a valid "
                                      "message-capable Twilio phone number for this account.",
                                      from));
    if (body.empty() && field_of(form, "MediaUrl").empty())
        return rest_error(400, 21602, "Message body is required.");
    if (chars_in(body) > message_chars_max)
        return rest_error(400, 21617,
                          "The concatenated message body exceeds the 1600 character limit");
    messages_.push_back({"SM" + crypto::random_hex(16), to, from, body, now});
    Answer answer{json_response(201, to_json(messages_.back()))};
    if (const auto url = field_of(form, "StatusCallback"); !url.empty()) {
        for (const char* status : {"sent", "delivered"}) {
            Effect callback{.kind = Effect::Kind::callback, .url = url};
            callback.form = {{"AccountSid", options_.account_sid},
                             {"ApiVersion", "2010-04-01"},
                             {"From", from},
                             {"MessageSid", messages_.back().sid},
                             {"MessageStatus", status},
                             {"SmsSid", messages_.back().sid},
                             {"SmsStatus", status},
                             {"To", to}};
            answer.effects.push_back(std::move(callback));
        }
    }
    return answer;
}

json::object TwilioAccount::to_json(const Message& message) const {
    const auto segments =
        std::max<std::size_t>(1, (chars_in(message.body) + segment_chars - 1) / segment_chars);
    return {{"sid", message.sid},
            {"account_sid", options_.account_sid},
            {"messaging_service_sid", nullptr},
            {"to", message.to},
            {"from", message.from},
            {"body", message.body},
            {"status", "queued"},
            {"num_segments", std::to_string(segments)},
            {"num_media", "0"},
            {"direction", "outbound-api"},
            {"error_code", nullptr},
            {"error_message", nullptr},
            {"price", nullptr},
            {"price_unit", "USD"},
            {"api_version", "2010-04-01"},
            {"date_created", rfc2822(message.created_at)},
            {"date_updated", rfc2822(message.created_at)},
            {"date_sent", nullptr},
            {"uri", uri(fmt::format("/Messages/{}.json", message.sid))}};
}

// ---- numbers --------------------------------------------------------------------------------

TwilioAccount::Answer TwilioAccount::phone_numbers(const net::Request& request,
                                                   const std::vector<std::string>& path,
                                                   const Form& form, const Form& query) {
    if (path.size() == 5) {
        if (request.method != "GET") return wrong_method();
        std::vector<json::object> all;
        const auto wanted = field_of(query, "PhoneNumber");
        const auto name = field_of(query, "FriendlyName");
        for (std::size_t i = 0; i < options_.numbers.size(); ++i) {
            const auto& number = options_.numbers[i];
            if ((wanted.empty() || matches(wanted, number.phone_number)) &&
                (name.empty() || name == number.friendly_name))
                all.push_back(number_json(i));
        }
        return page("incoming_phone_numbers", request, query, std::move(all));
    }
    if (path.size() != 6) return not_found(request);
    for (std::size_t i = 0; i < options_.numbers.size(); ++i) {
        if (json_read::text(number_json(i), "sid") != path[5]) continue;
        if (request.method == "POST") {
            for (const auto& field : form) number_settings_[path[5]].push_back(field);
        } else if (request.method != "GET") {
            return wrong_method();
        }
        return {json_response(200, number_json(i))};
    }
    return not_found(request);
}

json::object TwilioAccount::number_json(std::size_t index) const {
    const auto& number = options_.numbers[index];
    const auto sid = fmt::format("PN{:032x}", index + 1);
    const auto setting = [&](std::string_view name, std::string otherwise) {
        const auto own = number_settings_.find(sid);
        if (own == number_settings_.end()) return otherwise;
        for (auto field = own->second.rbegin(); field != own->second.rend(); ++field) {
            if (field->first == name) return field->second;
        }
        return otherwise;
    };
    return {{"sid", sid},
            {"account_sid", options_.account_sid},
            {"phone_number", number.phone_number},
            {"friendly_name", setting("FriendlyName", number.friendly_name)},
            {"capabilities", {{"voice", true}, {"sms", true}, {"mms", false}, {"fax", false}}},
            {"voice_url", setting("VoiceUrl", "")},
            {"voice_method", setting("VoiceMethod", "POST")},
            {"voice_fallback_url", setting("VoiceFallbackUrl", "")},
            {"voice_fallback_method", "POST"},
            {"voice_application_sid", ""},
            {"voice_caller_id_lookup", false},
            {"voice_receive_mode", "voice"},
            {"status_callback", setting("StatusCallback", "")},
            {"status_callback_method", "POST"},
            {"sms_url", ""},
            {"sms_method", "POST"},
            {"trunk_sid", nullptr},
            {"beta", false},
            {"origin", "twilio"},
            {"status", "in-use"},
            {"api_version", "2010-04-01"},
            {"date_created", "Mon, 16 Aug 2021 23:00:23 +0000"},
            {"date_updated", "Mon, 16 Aug 2021 23:00:23 +0000"},
            {"uri", uri(fmt::format("/IncomingPhoneNumbers/{}.json", sid))}};
}

// ---- pages ----------------------------------------------------------------------------------

TwilioAccount::Answer TwilioAccount::page(std::string_view key, const net::Request& request,
                                          const Form& query, std::vector<json::object> all) const {
    const auto number = [&](std::string_view name, std::size_t otherwise) {
        const auto text = field_of(query, name);
        std::size_t value = otherwise;
        std::from_chars(text.data(), text.data() + text.size(), value);
        return value;
    };
    const std::size_t size =
        std::clamp<std::size_t>(number("PageSize", page_size_default), 1, page_size_max);
    const std::size_t index = number("Page", 0);
    // As with the real one, a page beyond the first is only to be had with its token.
    if (index > 0 && field_of(query, "PageToken") != fmt::format("PA{}", index * size))
        return rest_error(400, 20001, "Page token is invalid");
    const auto begin = std::min(index * size, all.size());
    const auto end = std::min(begin + size, all.size());
    const auto address = [&](std::size_t wanted) {
        Form fields;
        for (const auto& [name, value] : query) {
            if (name != "Page" && name != "PageToken" && name != "PageSize")
                fields.emplace_back(name, value);
        }
        fields.emplace_back("PageSize", std::to_string(size));
        fields.emplace_back("Page", std::to_string(wanted));
        if (wanted > 0) fields.emplace_back("PageToken", fmt::format("PA{}", wanted * size));
        return std::string(request.path()) + "?" + net::encode_form(fields);
    };
    json::array items;
    for (auto at = begin; at < end; ++at) items.push_back(std::move(all[at]));
    json::object body{
        {"page", index},
        {"page_size", size},
        {"start", begin},
        {"end", end == begin ? begin : end - 1},
        {"uri", address(index)},
        {"first_page_uri", address(0)},
        {"previous_page_uri", index == 0 ? json::value(nullptr) : json::value(address(index - 1))},
        {"next_page_uri",
         end < all.size() ? json::value(address(index + 1)) : json::value(nullptr)}};
    body[key] = std::move(items);
    return {json_response(200, body)};
}

// ---- callees --------------------------------------------------------------------------------

Callee callee_of(const std::vector<Callee>& callees, std::string_view number) {
    for (const auto& each : callees) {
        if (matches(each.to, number)) return each;
    }
    return {};
}

}  // namespace parley::sim
