// load.hpp: the carrier and the model for N calls, on one thread, as cheap as they can be
// (peer.hpp).
//
// Every 20 ms each call sends one frame of caller audio and one of model audio; the frames of
// different calls are spread over the 20 ms. Each carries its send time in its first bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace parley::bench {

enum class Target { relay, parley };
enum class Sound { pcmu, pcm16_24k };

struct Plan {
    Target target = Target::parley;
    Sound sound = Sound::pcmu;  // of the model's side
    int calls = 100;
    int warm_up_s = 3;
    int measure_s = 8;
    bool tries_barge_in = false;  // after the measuring: interrupts every call once
    bool tries_tools = false;     // and has every call run a tool
    // So often the caller cuts in on the model and is answered anew; 0: the model speaks all the time.
    int turn_every_s = 0;
    // While measuring, a further call for each: to the number, where the model asks for the tool. It
    // is over with the tool's result. Measuring ends with the last of them.
    struct Attack {
        std::string number, tool;  // whose name begins with "attack_"
    };
    std::vector<Attack> attacks = {};
    int attacks_at_once = 1;
    std::uint16_t target_port = 0;
    std::uint16_t model_port = 0;
};

// Microseconds, each sample one frame or one reaction.
struct Delays {
    std::vector<float> us;
    double percentile(double p);
};

struct Result {
    int calls_up = 0;  // that had audio both ways
    Delays up, down, barge_in, tool, set_up;
    // frames while measuring
    std::uint64_t up_sent = 0, up_received = 0, down_sent = 0, down_received = 0;
    int attacks_over = 0;
    int attacks_failed = 0;  // as a tool fails that has broken a limit
    double measured_s = 0;
    double cpu_share = 0;  // of the load itself: near 1 the load is the bottleneck
    std::string fault;
};

class Load {
 public:
    explicit Load(Plan plan);
    ~Load();
    // Connects every call and warms up, measures (calling `begin` and `end` round it), tries what
    // the plan says, hangs up.
    template <class Begin, class End>
    Result run(Begin begin, End end) {
        if (!connect_and_warm_up()) return finish();
        begin();
        measure();
        end();
        try_reactions();
        return finish();
    }

 private:
    bool connect_and_warm_up();
    void measure();
    void try_reactions();
    Result finish();

    struct Impl;
    Impl* impl_;
};

}  // namespace parley::bench
