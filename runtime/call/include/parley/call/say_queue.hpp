// say_queue.hpp: what the script wants spoken, one after the other, and what the caller heard of
// it. Sans-I/O.
//
// Problem: a script's sentence is spoken by the model, which is also busy with answers of its own;
// the script sleeps until the caller has heard it, and must learn when that will not happen.
// Idea: wishes wait until nobody speaks and no answer is due. The first one is then asked for; the
// response that begins next is taken for it, its audio is followed to the caller's ear, and SayDone
// tells how it went.
//
//   waiting -> asked -> speaking -> done
//
// Owner:  call::Conversation, which says when the way is free.
#pragma once

#include <parley/call/events.hpp>
#include <parley/call/playout.hpp>

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace parley::call {

class SayQueue {
 public:
    static constexpr std::size_t waiting_max = 8;  // beyond it a wish is refused

    struct Wish {
        enum class Kind { exactly, instructed } kind = Kind::exactly;
        std::string text;
        std::uint64_t say_id = 0;  // of a script that waits; 0: nobody does
        // only while this tool runs; "": whatever happens
        std::string tool_call_id = {};
    };

    // False: too many wait already.
    bool add(Wish wish);
    // What to ask the model for, now that the way is free.
    std::optional<std::string> begin();

    bool is_empty() const { return !current_ && waiting_.empty(); }
    bool is_waiting() const { return !current_ && !waiting_.empty(); }
    bool is_asked() const { return current_ && current_->state == Current::State::asked; }
    bool is_current(std::string_view response_id) const;

    void response_started(std::string_view response_id);
    void audio(std::string_view response_id, std::string_view item_id);
    // One item has been heard to the end, or was cut off.
    void item_closed(const Playout::Heard& item, std::string_view heard);
    // The response is over. True: it failed and the wish waits again.
    bool response_done(std::string_view response_id, ResponseDone::Status status);
    void caller_cut_in();  // after item_closed of what was cut
    void engine_lost();
    void tool_finished(const std::string& tool_call_id);
    // Nothing more will be said.
    void end(SayDone::How how);

    std::vector<SayDone> take_done() { return std::exchange(done_, {}); }

 private:
    struct Current {
        enum class State { asked, speaking } state = State::asked;
        Wish wish;
        std::string response_id = {};
        // with audio the caller has not heard yet
        std::set<std::string, std::less<>> open_items = {};
        std::string heard = {};
        bool has_spoken = false;
        bool is_response_done = false;
        bool is_cut = false;
        bool is_broken_off = false;  // the model was lost in the middle
    };

    void settle();
    void finish(SayDone::How how);

    std::deque<Wish> waiting_;
    std::optional<Current> current_;
    std::vector<SayDone> done_;
};

}  // namespace parley::call
