// replay.hpp: a recorded call, run through this build and these scripts.
//
// The events of the caller's and the model's side come as they were recorded, at their times. What
// the script does is done anew, by the scripts and settings of today, with the recorded answers of
// the database and the recorded time of day. The commands that come of it are compared with the
// recorded ones, text for text; audio by its hash.
//
// Thread: one; nothing waits.
#pragma once

#include <parley/rehearsal/recording.hpp>
#include <parley/rehearsal/stage.hpp>

#include <optional>
#include <string>

namespace parley::rehearsal {

struct Difference {
    std::size_t line = 0;  // of the recording
    milliseconds at{0};    // since the call began
    std::string what;      // "the prompt", "what is asked of the database"
    std::string recorded;  // empty: nothing
    std::string now;       // empty: nothing
};

struct Replayed {
    std::size_t events = 0;  // until the difference, or all
    std::size_t commands = 0;
    std::optional<Difference> difference = {};  // the first one
    bool is_cut = false;                        // the recording ends before the call did
};

// Fault where the recording cannot be played: its agent is gone.
Checked<Replayed> replay(const Recording& recording, const Stage& stage);

// For people: two or three lines.
std::string shown(const Difference& difference);

}  // namespace parley::rehearsal
