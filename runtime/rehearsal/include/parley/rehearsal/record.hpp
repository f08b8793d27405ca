// record.hpp: what happened in a rehearsed call, in order, and how it is shown to people.
#pragma once

#include <parley/call/journal.hpp>
#include <parley/core/clock.hpp>
#include <parley/core/json.hpp>

#include <string>
#include <vector>

namespace parley::rehearsal {

struct Happening {
    enum class Kind {
        began,
        caller_said,
        caller_pressed,
        caller_left,
        agent_said,
        phrase,  // spoken by the runtime itself
        interrupted,
        tool_called,
        tool_returned,
        model_told,        // beside the caller's words
        model_speechless,  // asked to answer where the scenario has no line for it
        latency,
        script_failed,
        logged,
        noted,
        web,        // a request of a script; name: method and address, text: the body
        summed_up,  // what on_end returned, as JSON
        provider,   // lost, restored
        problem,
        handed_off,
        put_through,  // text: to whom
        briefed,      // who answers is told this first
        transfer_ended,
        on_hold,
        off_hold,   // took_ms: how long
        keys_sent,  // by the script
        recorded,   // from here on; text: the notice
        recorded_no_more,
        message_sent,  // name: to whom
        ended,
        broken,  // an expectation that was not met: text expected, detail found
    };
    Kind kind = Kind::began;
    milliseconds at{0};     // since the call began
    std::string name = {};  // of a tool, a log level
    std::string text = {};
    std::string detail = {};  // the unheard rest; a reason; what was found instead
    std::int64_t took_ms = 0;
    bool ok = true;
    std::size_t line = 0;  // in the scenario, of what is broken; 0: of none
};

class Record {
 public:
    explicit Record(WallTime began) : began_(began) {}

    void add(Happening happening) { all_.push_back(std::move(happening)); }
    void add(const call::journal::Entry& entry);
    const std::vector<Happening>& all() const { return all_; }
    milliseconds since_start(WallTime when) const {
        return std::chrono::duration_cast<milliseconds>(when - began_);
    }

 private:
    WallTime began_;
    std::vector<Happening> all_;
};

enum class Ink { plain, ansi };

// One happening as one line, without a line break: "   9.2  caller   Tuesday, please."
std::string line_of(const Happening& happening, Ink ink);
// The conversation in the order it was heard, one line each.
std::string conversation(const Record& record, Ink ink);

}  // namespace parley::rehearsal
