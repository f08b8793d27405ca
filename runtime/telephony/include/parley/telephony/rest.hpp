// rest.hpp: what we ask of Twilio's REST API: calls placed, changed, ended and looked up, numbers
// listed, messages sent, recordings led.
//
// Asking twice must not dial twice. What only reads is asked again after any failure; what changes
// something only when it has surely not been done: Twilio was too busy to look (429), or could not
// be reached. Otherwise the failure says `unclear`, and whoever asked has to look before it asks
// again: see dialler.hpp.
//
// Owner:  shared by all who ask; a request in progress keeps it.
// Thread: any io thread; each request runs on the caller's.
// End:    every request ends within its limits and tries.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/core/text.hpp>
#include <parley/net/http.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::telephony {

// Why there is no answer to work with.
struct RestFailure {
    enum class Kind {
        refused,      // Twilio has looked and says no
        credentials,  // 401, 403: the account, its token or its rights
        gone,         // there is no such call, or it is over
        busy,         // 429 to the end: not done
        unreachable,  // it did not get there: not done
        unclear,      // it may have been done
    };
    Kind kind = Kind::unclear;
    int status = 0;         // of HTTP; 0: no answer
    std::int64_t code = 0;  // Twilio's own, such as 21211; 0: none given
    std::string what = {};  // for people

    // Whether Twilio has surely not done what was asked.
    bool is_surely_undone() const { return kind != Kind::unclear; }
};
[[noreturn]] void throw_exception_from_error(const RestFailure& failure,
                                             const boost::source_location&);
template <class T>
using RestResult = boost::system::result<T, RestFailure>;

// When to ask again. Sans-I/O.
struct RetryRules {
    int tries_max = 3;
    milliseconds first_pause{100};  // full jitter, doubling, as Twilio's own libraries do
    milliseconds pause_max{3'000};
    milliseconds retry_after_max{30'000};  // of what Retry-After may ask for
};
enum class Repeat {
    freely,       // it only reads, or twice is as good as once
    when_undone,  // it would be done twice
};
// The pause before the next try, or nothing when this failure is the answer. `chance` is 0 to 1.
std::optional<milliseconds> pause_before_next(const RetryRules& rules, Repeat repeat,
                                              int tries_made, const RestFailure& failure,
                                              std::optional<std::string_view> retry_after,
                                              double chance);

// A call to be placed. Numbers are E.164; addresses absolute.
struct NewCall {
    enum class Detection { none, start, message_end };  // of answering machines
    std::string to;
    std::string from;
    std::string url;         // of the document, asked once the call is answered
    std::string twiml = {};  // in place of url
    std::string method = "POST";
    std::string status_callback = {};
    std::vector<std::string> status_events = {"initiated", "ringing", "answered", "completed"};
    std::optional<std::chrono::seconds> ring_limit = {};
    std::optional<std::chrono::seconds> duration_limit = {};
    std::string send_digits = {};  // 0-9 A-D # * w W; Twilio then detects no machines
    Detection detection = Detection::none;
    std::string detection_callback = {};  // asynchronous where set
    enum class Record { no, mono, dual } record = Record::no;
    std::string recording_callback = {};
};

// What is to become of a call in progress: one of these.
struct CallChange {
    std::string twiml = {};
    std::string url = {};
    std::string status = {};  // completed, canceled
};

struct CallResource {
    std::string sid, status, direction, to, from, answered_by, date_created;
    std::optional<int> duration_s = {};
};
struct CallQuery {
    std::string to = {}, from = {}, status = {};
};
struct NumberResource {
    std::string sid, phone_number, friendly_name;
};
struct NewMessage {
    std::string to, from, body;
    std::string status_callback = {};
};
struct MessageResource {
    std::string sid, status;
};
struct RecordingResource {
    std::string sid, call_sid, status;
    std::optional<int> duration_s = {};
};
enum class RecordingState { paused, in_progress, stopped };

class TwilioRest {
 public:
    using Ask = std::shared_ptr<const TwilioRest>;
    struct Options {
        std::string base_url = "https://api.twilio.com";
        // ie1, au1 and dublin, sydney: in place of base_url's host where that is Twilio's own
        std::string region = {};
        std::string edge = {};
        std::string account_sid;
        Secret auth_token = {};
        // SK... and its secret: asked with in place of the token
        std::string api_key = {};
        Secret api_secret = {};
        net::RequestLimits limits = {};  // 10 s for each try
        RetryRules retry = {};
        std::size_t pages_max = 200;  // of one list
    };
    enum class Ended { now, before, failed };  // `before`: the call was over already

    // Fault when an address or the credentials cannot be used.
    static Checked<Ask> make(Options options);

    static Task<RestResult<CallResource>> place(Ask rest, NewCall call);
    static Task<RestResult<CallResource>> change(Ask rest, std::string call_sid, CallChange change);
    static Task<RestResult<CallResource>> fetch(Ask rest, std::string call_sid);
    // Newest first, all pages.
    static Task<RestResult<std::vector<CallResource>>> calls(Ask rest, CallQuery query);
    static Task<RestResult<std::vector<NumberResource>>> numbers(Ask rest);
    static Task<RestResult<MessageResource>> send(Ask rest, NewMessage message);
    static Task<RestResult<RecordingResource>> start_recording(Ask rest, std::string call_sid,
                                                               NewCall::Record channels,
                                                               std::string status_callback);
    // `recording_sid`: empty for the one that runs.
    static Task<RestResult<RecordingResource>> set_recording(Ask rest, std::string call_sid,
                                                             std::string recording_sid,
                                                             RecordingState state);
    static Task<RestResult<RecordingResource>> recording(Ask rest, std::string recording_sid);

    // Never throws for what Twilio answers; failures are logged.
    static Task<Ended> end_call(Ask rest, std::string call_sid);

    const std::string& account_sid() const { return options_.account_sid; }

 private:
    using Fields = std::vector<std::pair<std::string, std::string>>;
    TwilioRest(Options options, net::Url base);

    // `path` below the account, such as "/Calls.json".
    std::string target(std::string_view path, const Fields& query = {}) const;
    static Task<RestResult<json::object>> ask(Ask rest, std::string method, std::string target,
                                              Fields fields, Repeat repeat);
    static Task<RestResult<std::vector<json::object>>> list(Ask rest, std::string target,
                                                            std::string key);

    Options options_;
    net::Url base_;
    std::string authorization_;
};

// "https://api.twilio.com" with an edge and a region: "https://api.dublin.ie1.twilio.com". Other
// hosts are left alone.
std::string regional_address(std::string base_url, const std::string& region,
                             const std::string& edge);

}  // namespace parley::telephony
