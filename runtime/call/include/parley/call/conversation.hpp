// conversation.hpp: the rules of a call. Sans-I/O: one event and the time in, commands out.
//
// Holds no socket, clock, thread or Lua. Turn-taking, barge-in, what the caller has heard, tool
// calls, silence, the time limit, lost providers, transfers, hold and the end of the call are
// decided here and nowhere else. Two parts have classes of their own: ToolDesk (which tool runs
// when) and SayQueue (what the script wants spoken).
//
// A call's life:  connecting -> talking -> ending -> finished
//   connecting  the caller or the engine is still missing; a caller who waits too long hears a phrase
//   talking     both are there; the greeting is asked for first
//   away        within talking: the caller has been put through to somebody else. Nothing is said, asked or counted,
//               until they come back
//   on hold     within talking: the caller hears music. Whatever is to be said ends it
//   ending      last words are being spoken; the line is dropped when they have been heard, or at a deadline
//   finished    Finish has been returned; further events are ignored
#pragma once

#include <parley/call/events.hpp>
#include <parley/call/journal.hpp>
#include <parley/call/playout.hpp>
#include <parley/call/say_queue.hpp>
#include <parley/call/tool_desk.hpp>

#include <deque>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::call {

// Audio the runtime can play when no model can speak, in the channel's format.
struct Phrases {
    std::vector<std::uint8_t> one_moment;  // "One moment, please."
    // "I am sorry, we have a technical problem. Please call again later."
    std::vector<std::uint8_t> apology;
    std::vector<std::uint8_t> goodbye;  // "Goodbye."
    // "I am sorry, we cannot take this call now. Please call again later. Goodbye."
    std::vector<std::uint8_t> over_budget = {};
    // music for a caller on hold, played again and again; empty: they hear nothing
    std::vector<std::uint8_t> hold = {};
};

struct Policy {
    std::chrono::milliseconds duration_max{5 * 60'000};       // then the agent says goodbye
    std::chrono::milliseconds wrap_up_max{12'000};            // for the last words, at most
    std::chrono::milliseconds silence_before_prompt{10'000};  // neither side speaks: the agent asks
    int silence_prompts_max = 2;                              // then the call ends as idle
    // a caller who waits this long for an answer hears one_moment
    std::chrono::milliseconds filler_after{4'000};
    // sooner when the engine is known to be lost
    std::chrono::milliseconds filler_after_loss{1'200};
    // an answer was asked for and has not begun: reconnect
    std::chrono::milliseconds unanswered_after{4'000};
    // an answer or a connection has begun and nothing comes: reconnect
    std::chrono::milliseconds stall_after{8'000};
    int reconnects_max = 4;                                // in a row, before the apology
    std::chrono::milliseconds reconnect_first_delay{200};  // doubles, at most 4 s
    int response_retries_max = 2;                          // of failed responses in a row
    std::chrono::milliseconds rotate_before_expiry{5 * 60'000};
    // the provider cancels its response when it hears the caller
    bool engine_interrupts_itself = true;
    // digits pressed within it are told to the model together
    milliseconds dtmf_pause{2'000};
    // a booking under way when the caller hangs up may finish
    milliseconds tools_after_hang_up{5'000};
    milliseconds hold_max{5 * 60'000};  // then the agent has the caller again
    Playout::Options playout = {};
};

// What the caller heard of `text`, of which `heard_ms` of `received_ms` were played: whole words,
// never more than was played; the second part is the rest.
std::pair<std::string, std::string> split_heard(std::string_view text, std::int64_t heard_ms,
                                                std::int64_t received_ms);

class Conversation {
 public:
    enum class State {
        connecting,
        listening,
        speaking,
        running_tool,
        on_hold,
        away,  // "transferred"
        ending,
        finished
    };
    struct Note {
        TimePoint at;
        journal::Event event;
    };

    Conversation(Policy policy, std::shared_ptr<const Phrases> phrases, TimePoint now);

    // The commands to carry out, in order; valid until the next call.
    const std::vector<Command>& handle(const Event& event, TimePoint now);
    // What became noteworthy since the last call, in order.
    std::vector<Note> take_notes() { return std::exchange(notes_, {}); }
    // When to send AlarmRang, if nothing else happens before; TimePoint::max() for never.
    TimePoint next_alarm() const;

    State state() const;
    const Playout& playout() const { return playout_; }
    // The conversation as text, for a new engine connection: what was said and heard, in order.
    std::vector<Turn> history() const;

 private:
    // How the call is being ended: last words are spoken, then the line is dropped.
    struct Ending {
        std::string reason;
        std::string default_outcome;      // unless the script set one
        TimePoint deadline;               // no waiting for the model's last words beyond this
        TimePoint hard_deadline;          // the line is dropped, whatever is still playing
        bool may_be_interrupted = false;  // a caller who speaks again keeps the call
    };
    struct Key {  // pressed, and not yet told to the model
        std::uint64_t id = 0;
        char digit = 0;
        bool is_with_script = false;  // which may handle it instead
    };
    // The caller is being put through: first the agent finishes, then the line is handed over, and
    // unless somebody has taken the call the caller comes back.
    struct HandingOver {
        Transfer transfer;
        TimePoint deadline;                   // no waiting for the agent's last words beyond this
        std::optional<TimePoint> began = {};  // the line has been handed over
        // nobody took the call
        std::optional<TransferEnded::How> failed = {};
        TimePoint failed_at = {};
        bool is_heard_again = false;  // on the line they had
    };
    struct Hold {
        std::optional<TimePoint> began = {};  // none: the agent still speaks
        std::string last_response = {};       // which is the last one before it
        bool is_last_to_come = false;         // and has not begun yet
        std::size_t played = 0;               // of the music
    };
    static constexpr std::string_view digits_item = "digits";  // of the playout
    enum class Cut { none, by_caller };
    struct Said {  // one utterance, in the order they began
        std::string item_id;
        Turn turn;
        bool is_closed = false;  // of the agent: heard to the end, or cut off
        TimePoint began;
    };

    void on(const CallerAttached&);
    void on(const CallerAudio& event);
    void on(const DtmfPressed& event);
    void on(const MarkPlayed& event);
    void on(const CallerGone& event);
    void on(const TransferEnded& event);
    void on(const EngineReady& event);
    void on(const CallerSpeechStarted& event);
    void on(const CallerSpeechStopped&);
    void on(const CallerTranscribed& event);
    void on(const ResponseStarted& event);
    void on(const AgentAudio& event);
    void on(const AgentText& event);
    void on(const AgentItemDone& event);
    void on(const ToolCalled& event);
    void on(const ResponseDone& event);
    void on(const EngineProblem& event);
    void on(const EngineLost& event);
    void on(const AgentPrepared& event);
    void on(const AgentUnavailable& event);
    void on(const ToolFinished& event);
    void on(const ToolsOffered& event);
    void on(const OutcomeSet& event);
    void on(const HangUpAsked&);
    void on(const TextInjected& event);
    void on(const SayAsked& event);
    void on(const ModelAsked& event);
    void on(const NoteTaken& event);
    void on(const TransferAsked& event);
    void on(const HoldAsked& event);
    void on(const DigitsAsked& event);
    void on(const RecordingAsked& event);
    void on(const MessageTold& event);
    void on(const KeyAnswered& event);
    void on(const AlarmRang&) {}
    void on(const DrainAsked&);
    void on(const EndAsked& event);
    void on(const BudgetSpent& event);

    void settle();  // whatever is due now: audio, timers, the end
    void settle_timers();
    void settle_keys();
    void settle_says();
    void settle_silence();
    void settle_ending();
    void settle_transfer();
    void settle_away();
    void settle_hold();
    void play_music();
    bool needs_music() const;
    void settle_digits();
    // The line has been handed over, and the caller is not back.
    bool is_away() const { return transfer_ && transfer_->began; }
    bool is_on_hold() const { return hold_ && hold_->began; }
    bool has_finished_speaking() const { return playout_.is_idle(now_) || is_on_hold(); }
    void hand_over();
    void hear_while_away();
    void come_back();
    void speak_on_hold(std::string_view response_id);
    void end_hold();
    TimePoint next_away() const;
    // What the line was about to do is dropped: last words are to be spoken.
    void clear_line();
    // The caller is gone for good: what tools have begun they may finish.
    void leave(std::string reason, std::string default_outcome);
    void wrap_up(std::string reason, std::string default_outcome);
    void greet();
    void respond(std::string_view instructions);
    void answer_tools();
    void interrupt();
    void lose_engine(const std::string& reason, bool may_retry);
    void open_engine();
    void give_up(std::string reason);
    void leave_with(std::string reason, std::string outcome, std::string_view phrase,
                    const std::vector<std::uint8_t>& audio);
    void begin_ending(Ending ending);
    void finish(std::string_view reason, std::string_view default_outcome);
    void play_phrase(std::string_view name, const std::vector<std::uint8_t>& audio);
    void close_item(const Playout::Heard& heard, Cut cut = Cut::none);
    void tell_agent(News news) { commands_.push_back(TellAgent{std::move(news)}); }
    // the answer under way is one that the script asked for
    bool is_saying() const;
    TimePoint next_silence_at() const;
    Said& said(std::string_view item_id, Turn::Speaker speaker);
    void tell(Turn turn);  // to the model, now or with the next connection
    bool is_answer_due() const {
        return active_response_ || respond_requested_ || answer_expected_;
    }
    bool is_quiet() const;  // nobody speaks and nothing is under way
    bool waits_in_vain() const {
        return link_ != Link::live || retry_respond_at_ != TimePoint::max();
    }
    void settle_waiting();
    TimePoint filler_due() const;
    milliseconds patience() const {
        return active_response_ || link_ != Link::live ? policy_.stall_after
                                                       : policy_.unanswered_after;
    }
    template <class T>
    void note(T event) {
        notes_.push_back({now_, std::move(event)});
    }

    const Policy policy_;
    const std::shared_ptr<const Phrases> phrases_;
    Playout playout_;
    TimePoint now_;
    std::vector<Command> commands_;
    std::vector<Note> notes_;

    // the caller
    const TimePoint created_;
    std::optional<TimePoint> attached_;
    bool is_caller_gone_ = false;
    bool is_caller_speaking_ = false;
    // end of the caller's last speech, until its answer is heard
    TimePoint caller_stopped_ = TimePoint::max();
    bool is_latency_noted_ = true;
    milliseconds model_latency_{0};
    // elsewhere: does not count against the time limit
    Clock::duration away_for_{0};
    std::deque<Key> keys_;
    std::uint64_t key_ids_ = 0;
    TimePoint last_key_ = TimePoint::max();

    // the engine
    enum class Link { none, opening, live, waiting, dead } link_ = Link::none;
    int connection_ = 0;
    int reconnects_ = 0;
    TimePoint lost_at_ = TimePoint::max();
    TimePoint retry_open_at_ = TimePoint::max();
    TimePoint rotate_at_ = TimePoint::max();
    bool is_rotating_ = false;
    bool is_answer_owed_ = false;  // the loss left the caller without an answer
    bool is_agent_broken_ = false;
    bool is_over_budget_ = false;
    std::optional<TimePoint> first_opened_;
    bool is_greeted_ = false;

    // the agent
    std::optional<std::string> prepared_greeting_;
    Hooks hooks_;
    AgentPrepared::Interruptions interruptions_ = AgentPrepared::Interruptions::allowed;
    SayQueue says_;
    TimePoint say_not_before_ = TimePoint::min();  // after a response that failed

    // the answer
    std::optional<std::string> active_response_;
    bool respond_requested_ = false;  // asked for, not yet started
    // the caller has spoken; the provider answers by itself
    bool answer_expected_ = false;
    TimePoint waiting_since_ = TimePoint::max();  // the caller waits in silence since
    std::optional<TimePoint> filler_played_;      // in this wait, the last time
    // the engine's last sign of life while an answer is due
    TimePoint progress_at_ = TimePoint::max();
    int failed_in_row_ = 0;
    TimePoint retry_respond_at_ = TimePoint::max();
    // responses cut off; their late audio is dropped
    std::set<std::string, std::less<>> discarded_;
    bool has_response_spoken_ = false;  // the active or last response had audio
    bool is_item_open_ = false;         // more of what it says is still to come

    // tools
    bool is_prepared_ = false;
    ToolDesk desk_;
    bool are_results_unanswered_ = false;

    // the line
    std::optional<HandingOver> transfer_;
    bool is_return_untold_ = false;  // the model is to say that nobody took the call
    std::optional<Hold> hold_;
    std::string digits_;  // to be sent after the item that is being received
    // how many each piece has that the other end has not heard: not to be cut off
    std::deque<std::size_t> digits_under_way_;
    bool is_recording_ = false;

    // silence and the end
    TimePoint quiet_since_ = TimePoint::max();
    milliseconds silence_before_prompt_;
    int silence_prompts_ = 0;  // since the caller spoke
    int silence_told_ = 0;     // to the script, in this silence
    std::string outcome_;
    Totals totals_;
    std::optional<Ending> ending_;
    bool is_finished_ = false;
    std::vector<Said> said_;
};

}  // namespace parley::call
