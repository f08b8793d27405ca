// call_report.hpp: how one simulated call went, for assertions and for people.
#pragma once

#include <parley/sim/caller_script.hpp>
#include <parley/sim/playback.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace parley::sim {

// Whom a <Dial> called, and what came of it.
struct Dialled {
    std::string number;
    std::string call_sid;            // of their side
    std::string caller_id;           // that they were shown
    std::string status;              // DialCallStatus
    std::vector<std::string> heard;  // by <Say>, before they were joined with the caller
    std::string pressed;             // keys
    bool is_joined = false;
};

struct CallReport {
    std::string call_sid;
    std::string stream_sid;                         // empty: no stream was opened
    std::string ended_by;                           // "agent", "caller" or "lost"
    std::string ending;                             // in words
    std::string failure;                            // of the script or the set-up; empty: none
    std::vector<std::pair<std::string, int>> http;  // URL, status; 0: no answer
    std::vector<std::string> said;                  // by <Say>
    std::vector<Dialled> dialled;
    // what a strict Twilio would have warned of, and worse
    std::vector<std::string> violations;
    std::vector<std::string> notes;
    // when the caller heard the agent; from the stream's beginning
    std::vector<Segment> agent;
    std::vector<Segment> caller;  // when the caller spoke
    std::vector<Playback::Echo> marks;
    std::vector<milliseconds> clears;  // when they came
    int media_messages = 0;
    milliseconds unheard{0};   // was still to be played when the stream ended
    milliseconds duration{0};  // of the stream
    // what the caller heard, in µ-law, from the stream's beginning
    std::vector<std::uint8_t> heard;
    std::vector<std::uint8_t> spoken;  // what the caller's side sent, likewise

    bool is_success() const { return failure.empty(); }
    milliseconds agent_speech() const;
};

// Each expectation that was not met, as a sentence.
std::vector<std::string> unmet(const Expectations& expect, const CallReport& report);
// Several lines.
std::string summary(const CallReport& report);
// Caller left, agent right, 8 kHz; a Fault names the file. Blocking.
Checked<bool> write_recording(const CallReport& report, const std::string& path);

}  // namespace parley::sim
