// caller_script.hpp: what the simulated caller says and waits for, and what must have happened in
// the end. `examples/demo/caller.yaml` shows every key.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/result.hpp>
#include <parley/sim/agent_ear.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace parley::sim {

struct CallerStep {
    enum class Kind {
        // until the agent has been heard, since the last such wait or word, and then silent for
        // `length`
        wait_for_agent,
        interrupt,  // until `length` after the agent became audible since then
        say,        // `text`
        silence,    // for `length`
        press,      // the keys in `text`
        hang_up,
        wait_for_hang_up,  // by the other side
        drop,              // the TCP connection breaks
        go_silent          // half-open: from here on nothing is sent; the connection stays
    };
    Kind kind = Kind::silence;
    std::string text = {};
    milliseconds length{0};
    milliseconds within{20'000};  // of waiting; longer is a failure
};

struct Expectations {
    int agent_segments_min = 0;  // sentences, roughly: pauses under 0.4 s do not count
    milliseconds agent_speech_min{0};
    int clears_min = 0;
    int marks_min = 0;
    int violations_max = 0;
    std::optional<std::string> ended_by = {};  // "agent", "caller" or "lost"
    milliseconds duration_max{0};              // 0: any
};

struct CallerScript {
    std::string voice = "en-gb+m3";  // of espeak-ng
    int words_per_minute = 165;
    milliseconds time_limit{120'000};
    std::vector<CallerStep> steps;
    Expectations expect;

    static Checked<CallerScript> parse(std::string_view yaml, std::string_view file);
    static Checked<CallerScript> load(const std::string& path);
};

// Walks through the steps. Sans-I/O: time counts from the beginning of the stream.
class CallerPlayer {
 public:
    struct Action {
        enum class Kind { start_speech, press, hang_up, drop, go_silent };
        Kind kind;
        std::size_t step = 0;  // start_speech: whose words
        char key = 0;          // press
    };

    // `speech` has the length of what is said, for each step.
    CallerPlayer(const CallerScript& script, std::vector<milliseconds> speech);

    // What to do now. Call at least every 20 ms.
    std::vector<Action> advance(milliseconds now, const std::vector<Segment>& agent);
    void ended_by_other_side(milliseconds now);

    bool is_finished() const { return step_ >= script_->steps.size() || !failure_.empty(); }
    const std::string& failure() const { return failure_; }  // empty: all is well so far
    const std::vector<Segment>& spoken() const { return spoken_; }
    std::size_t step() const { return step_; }

 private:
    bool is_done(const CallerStep& step, milliseconds now, const std::vector<Segment>& agent);
    void begin(const CallerStep& step, milliseconds now, std::vector<Action>& actions);
    void fail(milliseconds now, std::string_view what);

    const CallerScript* script_;
    std::vector<milliseconds> speech_;
    std::size_t step_ = 0;
    bool is_begun_ = false;
    milliseconds step_begin_{0};
    milliseconds turn_begin_{0};  // what the agent says from then on is new
    milliseconds overhang_{0};
    std::size_t keys_pressed_ = 0;
    std::vector<Segment> spoken_;
    std::string failure_;
};

const char* name_of(CallerStep::Kind kind);

}  // namespace parley::sim
