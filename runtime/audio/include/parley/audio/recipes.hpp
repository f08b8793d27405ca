// recipes.hpp: what each way of resampling costs: delay, noise, bandwidth, time and memory.
//
// Problem: a caller waits for every millisecond a resampler holds back, and libsoxr's presets are
// made for music: its default holds back 75 ms on 20 ms frames.
// Idea: its filters are short; the delay comes from the size of its transforms. The smallest size,
// with a transition wide enough for the filter to fit in it, gives 16 ms. Between 4 and 4.4 kHz
// such a filter still lets something through, which folds to 3.6 to 4 kHz: above the telephone's
// band of 300 to 3,400 Hz. `parley`'s bench prints this table; the choice is call_recipe().
//
// Thread: pure, but slow (some milliseconds); `bytes` assumes that no other thread allocates
// meanwhile.
#pragma once

#include <parley/audio/resampler.hpp>

#include <cstddef>
#include <span>
#include <vector>

namespace parley::audio {

// The presets, smaller transforms, minimum phase, and the tuned recipes with the chosen one among
// them.
std::vector<Recipe> recipes_to_compare();

struct Measurement {
    // most that is held back after a 20 ms frame, plus the shift of the signal
    double delay_ms = 0;
    double snr_1khz_db = 0;     // a 1 kHz sine at -4 dBFS against all else that comes out
    double snr_worst_db = 0;    // the worst of sines from 300 to 3,400 Hz
    double gain_3400hz_db = 0;  // what is left at the upper edge of the telephone's band
    // downwards: what is left of a sine that should be gone; 0 upwards
    double leak_4500hz_db = 0;
    double us_per_frame = 0;  // of 20 ms
    double us_to_make = 0;
    std::size_t bytes = 0;  // of heap; 0 where the allocator does not tell (sanitizers)
};

Measurement measure(const Recipe& recipe, int rate_in_hz, int rate_out_hz);

}  // namespace parley::audio
