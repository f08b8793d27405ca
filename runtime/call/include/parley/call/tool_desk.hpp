// tool_desk.hpp: the tools of one call: which run, which wait for the caller's word, which may be
// tried again. Sans-I/O.
//
// Problem: a model calls tools when it likes, twice when a connection was lost, and before the
// caller has agreed.
// Idea: every call of a tool passes this desk. It runs each id once. A tool that needs the caller's
// word is only checked at first; the model is told what to ask, and the run comes when it calls
// again with the same arguments and the caller has spoken in between. A broken run of an idempotent
// tool is done once more. A tool that is not idempotent and already runs for a lost connection is
// not begun again: both calls get the one result.
//
// Owner:  call::Conversation.
#pragma once

#include <parley/call/events.hpp>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace parley::call {

class ToolDesk {
 public:
    using Options = std::map<std::string, ToolOptions, std::less<>>;
    struct Result {  // for the model
        std::string tool_call_id;
        std::string name;
        std::string output;
        bool ok = true;
        TimePoint started;
        int connection = 0;  // the one that asked
    };
    struct Finished {
        std::optional<RunTool> again;  // the run was broken: once more
        std::vector<Result> results;
    };
    struct SlowTool {
        std::string tool_call_id;
        std::string phrase;
    };

    void set_options(Options options) { options_ = std::move(options); }
    void caller_spoke() { ++caller_turns_; }

    bool has_seen(const std::string& tool_call_id) const { return seen_.contains(tool_call_id); }
    // What to ask of the agent; nothing when the call joins a run that is under way.
    std::optional<RunTool> called(const ToolCalled& call, int connection, TimePoint now);
    Finished finished(const ToolFinished& event);

    bool is_idle() const { return running_.empty(); }
    bool is_running(const std::string& tool_call_id) const {
        return running_.contains(tool_call_id);
    }
    int count() const { return static_cast<int>(seen_.size()); }

    // When the next tool has run so long that its phrase is due; TimePoint::max() for none.
    TimePoint next_slow() const;
    // The tool whose phrase is due now, each run once.
    std::optional<SlowTool> take_slow(TimePoint now);

    // The caller has gone: how long each tool may go on. Then wait_until() tells when the last one
    // has had its time.
    void caller_gone(TimePoint now, milliseconds grace);
    TimePoint wait_until() const;

 private:
    struct Running {
        RunTool run;
        json::value arguments;  // for comparing; null when they are no JSON
        TimePoint started;
        int connection = 0;
        bool is_phrase_due = false;  // not spoken yet
        TimePoint give_up_at = TimePoint::max();
        std::vector<Result> joined;  // further calls that get the same result
    };
    struct Question {  // put to the caller, through the model
        json::value arguments;
        int caller_turns = 0;  // when it was put
    };

    const ToolOptions& options(const std::string& name) const;

    Options options_;
    std::map<std::string, Running> running_;     // by tool_call_id
    std::map<std::string, Question> questions_;  // by tool; the newest replaces an older one
    std::set<std::string> seen_;                 // every id once
    int caller_turns_ = 0;
};

// "Shall I book {date}?" with the arguments filled in; what they do not name stays.
std::string filled_question(std::string_view question, const json::value& arguments);

}  // namespace parley::call
