// conversation.hpp: the rules of a call. Sans-I/O: one event and the time in, commands out.
//
// Holds no socket, clock, thread or Lua. Turn-taking, barge-in, what the caller has heard, tool calls,
// silence, the time limit, lost providers and the end of the call are decided here and nowhere else.
//
// A call's life:  connecting -> talking -> ending -> finished
//   connecting  the caller or the engine is still missing; a caller who waits too long hears a phrase
//   talking     both are there; the greeting is asked for first
//   ending      last words are being spoken; the line is dropped when they have been heard, or at a deadline
//   finished    Finish has been returned; further events are ignored
#pragma once

#include <parley/call/events.hpp>
#include <parley/call/journal.hpp>
#include <parley/call/playout.hpp>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace parley::call {

// Audio the runtime can play when no model can speak, in the channel's format.
struct Phrases {
    std::vector<std::uint8_t> one_moment;   // "One moment, please."
    std::vector<std::uint8_t> apology;      // "I am sorry, we have a technical problem. Please call again later."
    std::vector<std::uint8_t> goodbye;      // "Goodbye."
};

struct Policy {
    std::chrono::milliseconds duration_max{5 * 60'000};       // then the agent says goodbye
    std::chrono::milliseconds wrap_up_max{12'000};            // for the last words, at most
    std::chrono::milliseconds silence_before_prompt{10'000};  // neither side speaks: the agent asks
    int silence_prompts_max = 2;                              // then the call ends as idle
    std::chrono::milliseconds filler_after{1'200};            // a caller waiting this long on a lost engine hears one_moment
    std::chrono::milliseconds stall_after{8'000};             // an answer is due and nothing comes: reconnect
    int reconnects_max = 4;                                   // in a row, before the apology
    std::chrono::milliseconds reconnect_first_delay{200};     // doubles, at most 4 s
    int response_retries_max = 2;                             // of failed responses in a row
    std::chrono::milliseconds rotate_before_expiry{5 * 60'000};
    bool engine_interrupts_itself = true;                     // the provider cancels its response when it hears the caller
    Playout::Options playout = {};
};

}  // namespace parley::call
