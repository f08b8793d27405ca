// twilio_call.hpp: one simulated phone call, as Twilio would carry it to a voice webhook and a
// media stream.
//
// Posts the signed webhook, carries out the TwiML it gets, opens the stream, sends the caller's
// voice every 20 ms on absolute deadlines, plays what comes back on a playback clock, and does what
// the caller's script says.
//
// Owner:  TwilioServer, until the call is over; handles may outlive it.
// Thread: the server's io thread. hang_up(), lose() and report() may be used from any other, the
// first two while the
//         server lives.
// End:    when the script, the TwiML or the other side ends it; report() then returns.
#pragma once

#include <parley/core/json.hpp>
#include <parley/core/task.hpp>
#include <parley/net/http.hpp>
#include <parley/net/websocket.hpp>
#include <parley/sim/call_report.hpp>
#include <parley/sim/caller_script.hpp>
#include <parley/sim/playback.hpp>
#include <parley/sim/twilio_account.hpp>
#include <parley/sim/twiml.hpp>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace parley::sim {

// X-Twilio-Signature over the URL as Twilio requests it and the decoded form fields.
std::string twilio_signature(std::string_view auth_token, std::string_view url, const Form& form);
// The URL as Twilio signs it: without user information and fragment, and over https without the
// port.
std::string url_to_sign(std::string_view url);

struct CallOptions {
    enum class Signature { right, wrong, none };
    enum class Method { post, get };

    std::string webhook;  // as configured at Twilio; what is signed
    std::string
        connect_to;  // "http://127.0.0.1:3000": where requests really go; empty: as the URLs say
    std::string account_sid = "AC00000000000000000000000000000001";
    std::string auth_token;
    std::string call_sid;  // empty: made up
    std::string from = "+15550100001";
    std::string to = "+15550100002";
    CallerScript script;
    std::string record;  // WAV file; empty: none
    // of a call that was placed through the REST API: it is answered already
    std::string direction = "inbound";
    std::string twiml = {};  // in place of the webhook
    Form extra = {};         // more fields of the first request
    // Who answers a <Dial>, and the account's numbers, one of which they must be shown, or one of
    // this call; none: any.
    std::vector<Callee> callees = {};
    std::vector<std::string> numbers = {};

    Signature webhook_signature = Signature::right;
    Signature stream_signature = Signature::right;
    Method method = Method::post;
    StreamScheme scheme = StreamScheme::ws_too;
    Playback::Options playback = {};
    bool sends_media_before_start = false;
    bool sends_second_start = false;
    std::string call_sid_in_start;            // a lie; empty: the truth
    std::vector<std::string> extra_messages;  // sent as they are after `start`
    // one readable line per happening; on the io thread
    std::function<void(std::string_view)> watch;
};

class TwilioCall : public std::enable_shared_from_this<TwilioCall> {
 public:
    TwilioCall(CallOptions options, boost::asio::any_io_executor home,
               boost::asio::thread_pool& workers);
    TwilioCall(const TwilioCall&) = delete;
    TwilioCall& operator=(const TwilioCall&) = delete;

    Task<> run();  // call once, on the io thread

    const std::string& sid() const { return options_.call_sid; }
    const CallOptions& options() const { return options_; }
    // "ringing", "in-progress", "completed": on the io thread.
    std::string_view status() const { return status_; }
    // As a REST update with Status=completed does; on the io thread.
    void end_by_rest();
    // As a REST update with another document does: a stream ends, and the call goes on there. On the
    // io thread.
    void replace(std::string url, CallOptions::Method method, std::string twiml);
    // The io thread has stopped and the call will never end: report() must not wait for it.
    void abandon();

    // From any thread.
    void hang_up();       // the caller hangs up
    void lose();          // the connection breaks
    CallReport report();  // waits for the call's end

 private:
    struct Question {  // to the webhook
        net::Url place;
        net::Request request;
        std::string shown;    // the URL without its query
        std::string problem;  // empty: it can be asked
    };
    struct Answer {
        Twiml twiml;
        std::string problem;  // empty: there is TwiML
    };
    struct Replacement {
        std::string url;
        CallOptions::Method method;
        std::string twiml;  // in place of the url
    };

    Task<> carry_out();
    Task<bool> prepare_speech();
    Question ask(std::string url, CallOptions::Method method, Form fields) const;
    Task<Answer> request(Question question);
    Answer read_answer(const std::string& shown, const Result<net::Response>& response);
    Answer read_twiml(const std::string& shown, std::string_view document);
    Task<> stream(TwimlVerb verb);
    // What its action is told.
    Task<Form> dial(TwimlVerb verb);
    bool can_dial(const TwimlVerb& verb, const std::string& caller_id);
    Task<bool> brief(TwimlVerb dial, Callee callee, Dialled* leg);
    Task<> wait_while_dialled(milliseconds length);
    bool is_cut_short() const { return is_hang_up_wanted_ || replacement_.has_value(); }
    void check_actions(const Twiml& twiml);
    Task<> read_stream();
    Task<> tick_stream();
    void on_message(net::Message message);
    void advance(milliseconds now);
    void send_media();
    void send_start();
    void send(json::object message);
    void end_stream(std::string_view by, std::string_view words);
    void finish();
    Form form(bool is_first) const;
    net::Url reachable(net::Url url, bool is_socket) const;
    std::string resolved(std::string_view url, std::string_view base) const;
    std::string signature(CallOptions::Signature mode, std::string_view url,
                          const Form& form) const;
    milliseconds now() const;
    void watch(std::string_view line) const;
    Task<> sleep_until(TimePoint deadline);  // or until wake()
    void wake();

    CallOptions options_;
    boost::asio::any_io_executor home_;
    boost::asio::thread_pool& workers_;
    std::string_view status_ = "ringing";
    CallReport report_;
    std::promise<CallReport> done_;
    std::shared_future<CallReport> result_;
    bool is_done_ = false;
    bool is_hang_up_wanted_ = false;  // before the stream, too
    std::optional<Replacement> replacement_;
    bool was_replaced_ = false;  // the script goes on after the stream

    std::vector<std::vector<std::uint8_t>> speech_;  // µ-law, per step of the script
    CallerPlayer player_;

    // While a stream is open.
    std::shared_ptr<net::WebSocket> socket_;
    boost::asio::steady_timer* timer_ = nullptr;  // of the sleep under way
    std::optional<TimePoint> began_;              // the first stream: zero on the call's time line
    Playback playback_;
    AgentEar ear_;
    std::vector<std::pair<std::string, std::string>> parameters_;
    std::size_t agent_segments_told_ = 0;
    std::vector<std::uint8_t> source_;  // what the caller is saying
    std::size_t source_at_ = 0;
    std::int64_t frames_sent_ = 0;  // on the time line
    std::int64_t chunk_ = 0;        // in this stream
    std::int64_t sequence_ = 0;
    std::string message_;     // reused
    bool is_silent_ = false;  // half-open
    bool is_over_ = false;
};

}  // namespace parley::sim
