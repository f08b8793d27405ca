// twilio_account.hpp: the resources behind Twilio's REST API: calls, numbers, messages, recordings.
//
// Answers requests as Twilio does, with its status codes, error bodies, pages and limits, and says
// what has to happen: dial, hang up, replace a document, send a callback. Sans-I/O: requests and the
// time in, answers and effects out.
//
// Owner: TwilioServer. Thread: the server's io thread.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/net/http.hpp>
#include <parley/sim/caller_script.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::sim {

using Form = std::vector<std::pair<std::string, std::string>>;

// What happens when a number is dialled, by the REST API or by <Dial>.
struct Callee {
    enum class Answer { human, machine, busy, no_answer, failed };
    std::string to = "*";  // a number; a * at its end stands for the rest
    Answer answer = Answer::human;
    milliseconds rings{100};
    milliseconds detection{100};  // until it is known who has answered
    CallerScript script = {};     // once answered; no steps: hangs up at once
    // By <Dial>, in place of the script:
    std::string presses = "1";          // keys, when asked for them; a machine presses none
    bool hangs_up_at_briefing = false;  // having heard it
    milliseconds talks{1'000};          // with the caller
};

class TwilioAccount {
 public:
    struct Number {
        std::string phone_number;
        std::string friendly_name;
    };
    struct Options {
        std::string account_sid;
        std::string auth_token;
        std::string api_key = {};  // with its secret as good as the token
        std::string api_secret = {};
        std::vector<Number> numbers = {};
        double creates_per_second = 0;  // POST Calls; faster is answered 429; 0: any rate
        std::vector<std::string> geo_prefixes = {};  // where may be called; empty: everywhere
    };
    struct Call {
        std::string sid, to, from;
        std::string direction = "outbound-api";
        std::string status = "queued";
        std::string answered_by = {};
        Form wanted = {};  // as it was asked for
        WallTime created_at = {};
        std::optional<WallTime> answered_at = {}, ended_at = {};
        int sequence = 0;  // of the next status callback

        std::string field(std::string_view name) const;  // of `wanted`; "" when absent
        bool is_over() const;
    };
    struct Effect {
        enum class Kind { dial, end, replace, callback } kind;
        std::string call_sid = {};
        std::string url = {};  // of replace and callback
        std::string method = "POST";
        std::string twiml = {};  // of replace, in place of the url
        Form form = {};          // of callback
    };
    struct Answer {
        net::Response response;
        std::vector<Effect> effects = {};
    };

    explicit TwilioAccount(Options options) : options_(std::move(options)) {}

    Answer answer(const net::Request& request, WallTime now);

    // A call that came about without the REST API.
    void add(Call call);
    const Call* find(std::string_view sid) const;
    std::vector<const Call*> calls() const;  // oldest first
    // The call has got so far: initiated, ringing, in-progress or one of its ends. What is over stays
    // over.
    std::vector<Effect> moved(const std::string& sid, std::string_view status, WallTime now);
    // It is known who has answered.
    std::vector<Effect> detected(const std::string& sid, std::string_view answered_by,
                                 milliseconds took);

 private:
    struct Message {
        std::string sid, to, from, body;
        WallTime created_at;
    };
    struct Recording {
        std::string sid, call_sid, status, channels, callback;
        WallTime began_at;
        std::optional<WallTime> ended_at = {};
    };

    bool is_authorized(const net::Request& request) const;
    Answer calls_list(const net::Request& request, const Form& query) const;
    Answer create_call(const Form& form, WallTime now);
    Answer update_call(Call& call, const Form& form, WallTime now);
    Answer recordings(const net::Request& request, const std::vector<std::string>& path,
                      const Form& form, WallTime now);
    Answer messages(const net::Request& request, const std::vector<std::string>& path,
                    const Form& form, const Form& query, WallTime now);
    Answer phone_numbers(const net::Request& request, const std::vector<std::string>& path,
                         const Form& form, const Form& query);
    Answer page(std::string_view key, const net::Request& request, const Form& query,
                std::vector<json::object> all) const;
    std::vector<Effect> end_recordings(const Call& call, WallTime now);
    Effect recording_callback(const Call& call, const Recording& recording) const;
    json::object to_json(const Call& call) const;
    json::object to_json(const Message& message) const;
    json::object to_json(const Recording& recording) const;
    json::object number_json(std::size_t index) const;
    std::string uri(std::string_view path) const;

    Options options_;
    std::vector<std::string> order_;  // of the calls
    std::map<std::string, Call, std::less<>> calls_;
    std::vector<Message> messages_;
    std::vector<Recording> recordings_;
    std::map<std::string, Form> number_settings_;  // by SID
    double creates_left_ = 1;
    std::optional<WallTime> creates_counted_at_;
};

// The callee for a number: the first that matches; none: a human who hangs up at once.
Callee callee_of(const std::vector<Callee>& callees, std::string_view number);

// A file of numbers and callees; see examples/practice/callees.yaml.
struct CalleeBook {
    std::vector<TwilioAccount::Number> numbers;
    std::vector<Callee> callees;

    static Checked<CalleeBook> parse(std::string_view yaml, std::string_view file);
    static Checked<CalleeBook> load(const std::string& path);
};

// "Mon, 16 Aug 2021 23:00:23 +0000"
std::string rfc2822(WallTime when);

}  // namespace parley::sim
