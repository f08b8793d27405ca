// session.hpp: one call, from the webhook to the last journal entry.
//
// The thin shell round call::Conversation: feeds it events and the time, carries out its commands
// on the three ports, arms its alarm, and writes its journal. What to do next is decided in
// Conversation.
//
// Owner:  shared by the channel's coroutine and the Switchboard until finished.
// Thread: one io thread; only the Switchboard may speak to it from elsewhere, by posting.
// End:    after the Finish command the channel and the engine are destroyed and `finished` is called, once. The agent
//         stays until it has had its last word (Agent::ended); then it is destroyed and `closed` is called, once:
//         nothing more will be written. Destroying the session earlier destroys the agent, and its last word is lost.
#pragma once

#include <parley/call/budget.hpp>
#include <parley/call/conversation.hpp>
#include <parley/call/figures.hpp>
#include <parley/call/journal.hpp>
#include <parley/call/ports.hpp>
#include <parley/call/recorder.hpp>
#include <parley/privacy/dictation.hpp>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

namespace parley::call {

class Session final : public EventSink, public std::enable_shared_from_this<Session> {
 public:
    struct Parts {
        std::unique_ptr<Timekeeper> time;
        // Made with the session as their sink; the agent lives by the session's clock.
        std::function<std::unique_ptr<Agent>(EventSink&, const CallInfo&, Timekeeper&)> make_agent;
        std::function<std::unique_ptr<Engine>(EventSink&, const CallInfo&)> make_engine;
        std::vector<journal::Subscriber*> journal;  // outlive every session
        std::shared_ptr<const Phrases> phrases;
        Policy policy;
        std::unique_ptr<Recorder> recorder = {};  // none: the call is not recorded
        // what the journal and the log must not show
        std::shared_ptr<const privacy::Masker> masker = privacy::default_masker();
        Budget* budget = nullptr;    // outlives every session; none: calls may cost what they will
        Figures* figures = nullptr;  // likewise; none: nothing is counted
    };
    // What others may know of a running call.
    struct Snapshot {
        CallInfo info;
        // connecting, listening, speaking, running_tool, on_hold, transferred, ending
        std::string state;
        std::string stream_id = {};  // the carrier's name for the audio; empty before it is there
        milliseconds queued{0};      // speech of the agent that has not been sent yet
    };

    static std::shared_ptr<Session> create(CallInfo info, Parts parts,
                                           std::function<void()> finished,
                                           std::function<void()> closed = {});
    ~Session() override;

    // Prepares the agent and connects the engine while the phone is still being answered.
    void start();
    // The caller's side has arrived, or comes back after a transfer that nobody took. Another one is
    // refused (false).
    bool attach(std::unique_ptr<Channel> channel);
    // The line has been handed over, and the caller is not back. From any thread.
    bool is_away() const { return is_away_; }
    // The carrier says how the transfer went; told again it counts once.
    void transfer_ended(TransferEnded ended);
    // The service is about to go. A call that has been handed over needs it no more, and is over.
    void leave_to_carrier();

    void on(const Event& event) override;

    // Newer scripts are there: the agent goes on with them between two handlers, the model from its
    // next response on.
    void adopt_newest();

    const CallInfo& info() const { return info_; }
    Snapshot snapshot() const;
    // What the agent leaves on an answering machine, as its profile has it; nothing before it is
    // prepared.
    std::optional<std::string> voicemail() const {
        return profile_ ? std::optional(profile_->voicemail) : std::nullopt;
    }
    bool is_finished() const { return is_finished_; }
    bool is_closed() const { return is_closed_; }
    // How it ended; meaningful once finished.
    const Finish& ending() const { return ending_; }

 private:
    Session(CallInfo info, Parts parts, std::function<void()> finished,
            std::function<void()> closed);
    void handle(const Event& event);
    void end_by_bug(const char* what);
    void finish();
    void close(json::object summary);
    void carry_out(const Command& command);
    void hand_over(const Transfer& transfer);
    void write(journal::Event event, WallTime at);
    bool count_cost(const journal::Event& event, WallTime now);
    void check_budget();
    void log_entry(const journal::Event& event) const;
    double seconds_since_announced() const;
    void count_unheard(const Event& event) const;

    CallInfo info_;
    Parts parts_;
    std::function<void()> finished_;
    std::function<void()> closed_;
    const TimePoint created_;
    Conversation conversation_;
    std::unique_ptr<Agent> agent_;
    std::unique_ptr<Engine> engine_;
    std::unique_ptr<Channel> channel_;
    std::unique_ptr<Alarm> alarm_;
    std::optional<AgentProfile> profile_;
    TimePoint armed_for_ = TimePoint::max();
    std::deque<Event> waiting_;  // events that arrived while one was being handled
    bool is_handling_ = false;
    std::atomic<bool> is_away_ = false;
    bool is_returning_ = false;  // away, and nobody took it: a channel is on its way
    bool has_played_ = false;
    bool is_finished_ = false;
    bool is_closed_ = false;
    double cost_usd_ = 0;
    bool is_budget_spent_ = false;
    Finish ending_;
    std::optional<privacy::Dictation> dictation_;  // none: nothing is masked
};

}  // namespace parley::call
