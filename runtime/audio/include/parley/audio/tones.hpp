// tones.hpp: sounds of the telephone that are made here: the keys of a telephone, and music for a
// caller who waits. µ-law at 8 kHz, in whole frames of 20 ms.
//
// Thread: pure functions; they allocate what they return.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace parley::audio {

// 0-9 * # A-D
bool is_dtmf_key(char key);

// The keys as a telephone sends them (ITU-T Q.23): 100 ms of two tones of -8 dBm0 each, and 100 ms
// of silence. `w` is a pause of 0.5 s; what else there is counts for nothing.
std::vector<std::uint8_t> dtmf_tones(std::string_view keys);

// 16 s of quiet broken chords. The end leads into the beginning: to be played again and again.
std::vector<std::uint8_t> hold_music();

}  // namespace parley::audio
