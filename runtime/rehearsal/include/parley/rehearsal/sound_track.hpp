// sound_track.hpp: a recorded call as people listen to it: the caller left, and right what the
// caller heard.
//
// Problem: a recording keeps what the model said in full, but of what went out only length and
// hash: most of it was never sent, or cut off.
// Idea: what went out is the next piece of what the model said, of a phrase of the runtime, or of
// a later answer where one was dropped; the hash tells which. A clear cuts off what was not heard.
// Cost: the audio of the call in memory, three times.
//
// Thread: one; takes as long as reading the recording. Not for io threads.
#pragma once

#include <parley/rehearsal/recording.hpp>

#include <cstdint>
#include <vector>

namespace parley::rehearsal {

struct SoundTrack {
    // µ-law, 8 kHz, from the moment the caller was on the line; equally long
    std::vector<std::uint8_t> caller;
    std::vector<std::uint8_t> agent;
    milliseconds unknown{0};  // went out and was nowhere said; silence here
};

SoundTrack sound_track(const Recording& recording);

}  // namespace parley::rehearsal
