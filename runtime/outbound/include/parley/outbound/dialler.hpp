// dialler.hpp: places calls: asks the manners, waits for its turn, follows each call to its end.
//
// Nothing is lost and nothing dialled twice, also with a crash in between: see README.md of this
// room for the four states of an attempt.
//
// Owner:  app. Thread: `home`, for every member; the server's handlers run there.
// End:    stop() wakes whoever waits and ends the coroutines; attempts that were not placed are taken
//         up by the next start. The executor's context must go on running until they have ended.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/metrics.hpp>
#include <parley/outbound/ledger.hpp>
#include <parley/outbound/manners.hpp>
#include <parley/telephony/rest.hpp>
#include <parley/telephony/twilio.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace parley::outbound {

// What may change while the process runs.
struct Terms {
    Rules rules;
    double calls_per_second = 1;
    int calls_max = 10;
    std::chrono::seconds ring_limit{30};
    std::chrono::seconds duration_limit{3'600};  // at the carrier, beyond the call's own limit
};

class Dialler : public std::enable_shared_from_this<Dialler> {
 public:
    struct Parts {
        boost::asio::any_io_executor home;
        telephony::TwilioRest::Ask rest;
        store::Store* store = nullptr;
        std::vector<call::journal::Subscriber*> journal;  // of calls that nobody answers
        std::function<Terms()> terms;
        ClockIn clock_in;
        std::string public_url;
        telephony::TwilioService::Path path;
        // How an agent wants machines looked for.
        std::function<telephony::NewCall::Detection(const std::string& agent)> detection;
        // The generation of scripts that a call begun now keeps.
        std::function<std::shared_ptr<const void>()> basis;
        // A machine has answered; the session is told, and `then` gets what to leave on it, or
        // nothing. `then` is called once, on home.
        std::function<void(const Attempt& attempt, std::function<void(std::string message)> then)>
            machine_answered;
        metrics::Registry* metrics = nullptr;  // null: nothing is counted
        std::size_t waiting_max = 10'000;
        std::chrono::minutes stale_after{15};  // an attempt not placed by then is given up
        milliseconds look_again_after{2'000};  // lists of calls are late
        std::chrono::seconds sweep_every{60};  // looks after calls whose callbacks got lost
    };
    struct Wanted {
        std::string number;
        std::string from;
        std::string agent;
        json::object vars = {};
        std::string key = {};  // the same key is the same call; empty: a new one
    };
    struct Placed {
        std::string call_sid;
        std::string attempt;
    };
    struct Trouble {
        // manners: refused by our rules. carrier: by Twilio. unclear: it may ring. full: too many
        // wait. stopping: the process; the attempt is taken up again. store: the database.
        enum class Kind { manners, carrier, unclear, full, stopping, store } kind;
        std::string reason;  // of manners
        std::string details;
    };
    using Answer = boost::system::result<Placed, Trouble>;

    static std::shared_ptr<Dialler> create(Parts parts);
    ~Dialler();
    Dialler(const Dialler&) = delete;
    Dialler& operator=(const Dialler&) = delete;

    void start();
    void stop();

    // Answers when Twilio has taken the call, or will not.
    static Task<Answer> call(std::shared_ptr<Dialler> self, Wanted wanted);

    // For the webhooks.
    std::optional<telephony::TwilioService::Outgoing> outgoing(std::string_view attempt,
                                                               std::string_view call_sid);
    void told(telephony::TwilioService::StatusReport report);

    std::size_t waiting_count() const { return waiting_.size(); }
    std::size_t live_count() const { return live_; }
    Ledger& ledger() { return ledger_; }

 private:
    struct Line;
    using Lines = std::map<std::string, std::shared_ptr<Line>, std::less<>>;
    explicit Dialler(Parts parts);

    static Task<std::optional<Trouble>> admit(std::shared_ptr<Dialler> self,
                                              std::shared_ptr<Line> line);
    static Task<> run(std::shared_ptr<Dialler> self);
    static Task<> recover(std::shared_ptr<Dialler> self);
    static Task<> settle(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line);
    static Task<> place(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line);
    static Task<> sweep(std::shared_ptr<Dialler> self);
    static Task<std::optional<telephony::CallResource>> look_for(std::shared_ptr<Dialler> self,
                                                                 std::shared_ptr<Line> line);
    static Task<> leave_message(std::shared_ptr<Dialler> self, std::string call_sid,
                                std::string message);
    static Task<> save(std::shared_ptr<Dialler> self, std::shared_ptr<Line> line);
    static Task<> pause(std::shared_ptr<Dialler> self, milliseconds length);

    bool is_placed(Line& line, const std::string& call_sid);
    void advance(const std::shared_ptr<Line>& line, std::string_view status);
    void finish(const std::shared_ptr<Line>& line, std::string outcome, std::string detail);
    void answer(Line& line, Answer answer);
    void tell_of_machine(const std::shared_ptr<Line>& line);
    void journal_unheard(const Line& line) const;
    void count_refusal(const Trouble& trouble) const;
    void wake();
    template <class Job>
    void spawn(Job job, const char* what);

    Parts parts_;
    Ledger ledger_;
    Lines lines_;                       // by attempt: all that are not over
    std::vector<std::string> waiting_;  // attempts whose turn comes, oldest first
    std::size_t live_ = 0;              // placing or placed
    TimePoint next_turn_ = TimePoint::min();
    std::set<boost::asio::steady_timer*> sleepers_;  // woken by stop()
    boost::asio::steady_timer* idle_ = nullptr;      // of run()
    bool is_recovered_ = false;
    bool is_stopping_ = false;
};

}  // namespace parley::outbound
