// archive.hpp: what the database remembers of calls, as JSON for the dashboard.
//
// A read-only connection on a thread of its own: a long search holds up neither calls nor the
// writing of the journal.
//
// Owner:  serve(); outlives the server's requests. Thread: read() from any coroutine.
// End:    the destructor finishes what is being read; what waits gets a Fault.
#pragma once

#include <parley/core/result.hpp>
#include <parley/core/task.hpp>
#include <parley/ops/board.hpp>
#include <parley/store/store.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace parley::ops {

// ---- what can be read; each for one thread ----------------------------------------------------

struct HistoryQuery {
    std::string text;                       // in numbers, names, what was said, tools; any case
    std::string outcome;                    // as history_entry() has it; empty: any
    std::optional<std::int64_t> before_ms;  // only calls that began earlier
    std::size_t limit = 20;
    std::function<bool(std::string_view call_sid)> has_recording = {};
};
// Calls that are over, newest first.
json::array read_history(store::Reader& reader, const HistoryQuery& query);
// Bare TranscriptEntries in the order of speaking; nothing for an unknown call.
std::optional<json::array> read_transcript(store::Reader& reader, const std::string& call_sid);
// Everything of one call; nothing for an unknown one.
std::optional<json::object> read_call(store::Reader& reader, const std::string& call_sid);
// The last rows of the scripts' table `appointments`; empty where the scripts have none.
json::array read_appointments(store::Reader& reader, std::size_t limit);
// {"todayBookings", "totalCalls", "successRate", "avgDuration", "callsToday", "costTodayUsd"}
json::object read_stats(store::Reader& reader, WallTime now);
Board::Past read_past(store::Reader& reader);
// True when something was written since it was asked the last time.
class Changes {
 public:
    bool have_come(store::Reader& reader);

 private:
    std::int64_t version_ = -1;
};

// ---- off the io threads -----------------------------------------------------------------------

class Archive {
 public:
    static constexpr std::size_t waiting_max = 100;  // more are refused

    // Fault where there is no file to read, such as ":memory:".
    static Checked<std::unique_ptr<Archive>> open(const std::string& path);
    ~Archive();

    using Look = std::function<json::value(store::Reader&)>;
    Task<Checked<json::value>> read(Look look);

 private:
    struct Impl;
    explicit Archive(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// "2026-11-20T18:52:03.120Z" or without the fraction, as Unix milliseconds.
std::optional<std::int64_t> parse_iso8601(std::string_view text);

}  // namespace parley::ops
