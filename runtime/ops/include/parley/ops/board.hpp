// board.hpp: what the calls are doing, as the dashboard shows it.
//
// Sans-I/O. Journal entries and snapshots of the running calls come in with the time; out come
// events for viewers and the JSON of docs/dashboard.md. Bounded: calls that are over are kept as far
// as lists and figures need them.
//
// Thread: one at a time.
#pragma once

#include <parley/call/facts.hpp>
#include <parley/call/journal.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>
#include <parley/store/store.hpp>

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace parley::ops {

// One entry of the history.
json::object history_entry(const store::CallRow& call, const call::Facts& facts);
// One entry of a transcript; null for entries of the journal that are none.
json::value transcript_entry(std::int64_t at_ms, std::string_view type, const json::object& fields);
// What became of the line: transfers, hold, tones, recordings, text messages; null for entries that
// tell of something else.
json::value happening_entry(std::int64_t at_ms, std::string_view type, const json::object& fields);

// One answer of the agent: how long after the end of the caller's speech the model's first audio
// came, and the first audio went to the caller's line.
json::object turn_entry(std::int64_t at_ms, std::string_view call_sid, std::int64_t model_ms,
                        std::int64_t total_ms);

// The value below which `share` of the samples are; 0 without samples.
std::int64_t percentile(std::vector<std::int64_t> samples, double share);

class Board {
 public:
    struct Limits {
        std::size_t finished_max = 100;
        std::size_t samples_max = 1'000;  // of turns, and of the runs of one tool
        std::size_t tool_names_max = 200;
        std::size_t transcript_max = 2'000;  // entries of one call
        std::size_t text_bytes_max = 4'096;  // of one field of an event
        // an entry whose call never began, or ended long ago, makes no call
        std::size_t active_max = 5'000;
    };
    struct Event {
        std::string name;  // "turn", "tool", ...
        std::string call_sid;
        json::object data;
    };
    // A running call as its thread saw it.
    struct Seen {
        std::string call_sid, stream_sid, state;
        std::int64_t generation = 0;
    };
    struct Turn {
        std::int64_t at_ms = 0;
        std::string call_sid;
        std::int64_t model_ms = 0, total_ms = 0;
    };
    struct ToolRun {
        std::string name;
        bool ok = true;
        std::int64_t duration_ms = 0;
    };
    // What it is to know of the time before it was made. Each newest first.
    struct Past {
        std::vector<json::object> history;
        std::vector<Turn> turns;
        std::vector<ToolRun> tools;
        std::vector<std::int64_t> calls_s;  // how long they lasted
        std::int64_t total_calls = 0, booked = 0;
    };

    Board() : Board(Limits()) {}
    explicit Board(Limits limits) : limits_(limits) {}

    void remember(Past past);
    std::vector<Event> take(const call::journal::Entry& entry);
    // All running calls. Calls that are not among them, and have been quiet, are over.
    std::vector<Event> see(const std::vector<Seen>& calls, WallTime now);

    json::array active(WallTime now) const;
    json::array history(std::size_t limit) const;
    // {"audioLatency", "toolExecution", "callDuration", "counters", "turnLatency", "tools"}
    json::object metrics() const;
    // What the transcript of a running call has so far; nothing for others.
    std::optional<std::vector<std::string>> transcript(std::string_view call_sid) const;
    bool is_active(std::string_view call_sid) const { return calls_.contains(call_sid); }

    // They grow whenever the JSON of that name would be another.
    struct Versions {
        std::uint64_t active = 0, metrics = 0, history = 0;
    };
    const Versions& versions() const { return versions_; }

 private:
    struct Tool {
        std::string name, arguments;
        WallTime started = {};
    };
    struct Call {
        std::string call_sid, stream_sid, from, to, agent, channel;
        WallTime started = {}, last_activity = {};
        std::string state = "connecting";
        call::Facts facts;
        std::map<std::string, Tool, std::less<>> tools;  // running, by tool_call_id
        int turns = 0, interruptions = 0, tool_calls = 0;
        double cost_usd = 0;
        std::int64_t generation = 0;
        std::vector<std::string> transcript;
    };
    using Samples = std::deque<std::int64_t>;  // newest first
    struct ToolFigures {
        std::int64_t runs = 0, errors = 0;
        Samples durations_ms;
    };
    void add_turn(Turn turn);
    void add_tool(const ToolRun& run);
    void add_newest(Samples& samples, std::int64_t value) const;
    Call& call_of(const call::journal::Entry& entry);
    json::object state_of(const Call& call) const;
    std::string cut(const std::string& text) const;

    Limits limits_;
    std::map<std::string, Call, std::less<>> calls_;
    std::deque<json::object> finished_;  // newest first
    std::deque<Turn> turns_;             // newest first
    std::map<std::string, ToolFigures, std::less<>> tools_;
    Samples tool_runs_ms_, calls_s_;
    std::int64_t total_calls_ = 0, booked_ = 0;
    Versions versions_;
};

}  // namespace parley::ops
