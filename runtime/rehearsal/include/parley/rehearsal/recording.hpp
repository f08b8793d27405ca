// recording.hpp: what went into a call and what came out of it, kept so that the call can be
// replayed and become a test.
//
// A recording is a file of lines, CALL_SID.events in the folder `recordings` beside the database.
// The first line tells who called whom and how the call was set up; each further line is one event
// with what came of it, or one answer of the database. Audio is kept as it came in;
// what went out is told by its hash. Where a script decides what is kept (Keep::asked), nothing is
// but the events between its two words: such a call can be heard, and not be replayed.
//
// Size:   about 24 KB for each second of a call in which somebody speaks, at most `bytes_max`; what is beyond is left out, and the file says so.
// Thread: a CallRecorder is the call's, but for answers of the database, which come from the
// store's thread. Files are
//         written on the own thread of Recordings.
#pragma once

#include <parley/call/conversation.hpp>
#include <parley/call/recorder.hpp>
#include <parley/config/settings.hpp>
#include <parley/script/services.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::rehearsal {

// How a call was set up: all that its course depends on beside its events.
struct RecordedCall {
    call::CallInfo info;   // started_at: the time of day at `began`
    TimePoint began = {};  // by the clock of the machine it ran on
    config::AgentSettings agent;
    call::Policy policy;
    std::shared_ptr<const call::Phrases> phrases = {};
    std::uint64_t seed = 1;  // of math.random
    // What is not to be kept. A number that the model read out leaves its text in one piece.
    std::shared_ptr<const privacy::Masker> masker = privacy::default_masker();
    // version of the scripts
    std::string bundle;
    // asked: only what comes between Record{true} and Record{false}
    enum class Keep { all, asked } keep = Keep::all;
};

class CallRecorder : public call::Recorder {
 public:
    // The same services, with their answers recorded. Valid as long as the recorder.
    virtual script::Services record(script::Services services) = 0;
};

class Recordings {
 public:
    struct Options {
        std::string dir;
        std::size_t bytes_max = 32 * 1024 * 1024;  // of one call
        // waiting for the disk; beyond it pieces are dropped and logged
        std::size_t bytes_queued_max = 64 * 1024 * 1024;
    };
    // Fault when the folder cannot be made.
    static Checked<std::unique_ptr<Recordings>> open(Options options);
    ~Recordings();  // writes what is queued

    // What of `call` is known before it begins. `now`: the call's clock; from any thread.
    std::unique_ptr<CallRecorder> begin(
        RecordedCall call, std::function<TimePoint()> now = [] { return Clock::now(); });

    struct Disk;

 private:
    explicit Recordings(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}
    std::shared_ptr<Disk> disk_;
};

// A recording, read back.
struct Recording {
    struct Answer {
        std::size_t request = 0;  // counting the call's requests from 0
        // statements: {"sql", "parameters"}; a request to the web; an operation on a key
        json::array asked;
        // {"rows", "changes", "last_id"}, {"problem": {...}}, or a list for a transaction; nothing:
        // none came in time
        std::optional<json::value> answer = {};
        std::chrono::nanoseconds at{0};  // since the call began: when the answer came
        std::size_t after_lines = 0;     // and how many of `lines` were before it
    };
    struct Line {
        std::size_t number = 0;          // in the file
        std::chrono::nanoseconds at{0};  // since it began: deadlines depend on every one of them
        std::string event;               // "dtmf 5", as event_text() gives it
        std::vector<std::string> commands;
    };
    std::string file;
    RecordedCall call;
    json::object profile;  // as prepared; empty when it never was
    std::vector<Line> lines;
    std::vector<Answer> answers;  // by request
    bool is_cut = false;          // it had grown too large

    static Checked<Recording> load(const std::string& path);
    // Why it cannot be played again, though it can be heard; nothing where it can.
    std::optional<Fault> why_not_replayed() const;
};

// Beside the database: "data/parley.db" -> "data/recordings".
std::string recordings_dir(const std::string& database_path);

// ---- the text of events and commands: one line each ---------------------------------------------

std::string event_text(const call::Event& event);
std::string command_text(const call::Command& command);
json::object web_request_json(const net::Url& url, const net::Request& request);
json::object profile_json(const call::AgentProfile& profile);
// Events of the caller's and the model's side; nothing for the script's own, which a replay makes
// anew. Views point into `audio` and into `text`, so both must live as long as the event.
std::optional<call::Event> event_of(std::string_view text, std::string& scratch,
                                    std::vector<std::uint8_t>& audio);

}  // namespace parley::rehearsal
