// response_gate.hpp: one response at a time. Sans-I/O.
//
// Problem: the server refuses response.create while a response is active, and with voice activity
// detection it starts responses by itself, so every create is a race.
// Idea: one slot and one follow-up. A wish waits until the slot is free; a wish that comes while
// one waits joins it (the newest words win); a create that lost the race waits again. A cancel
// before the server has named the response would be lost on the wire, so it is remembered and sent
// by id.
//
// Whose response begins, ours or the server's own, is told by the event id of our create, which a
// GA server repeats as metadata. From one that never does, a response that begins while a create
// is out counts as ours.
//
//   free -> create_requested -> active -> (cancel_requested) -> free
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace parley::engine {

class ResponseGate {
 public:
    enum class State { free, create_requested, active, cancel_requested };
    enum class Refusal {
        not_ours,  // the error is not about a create of ours
        requeued,  // another response was active: asked again after it
        dropped,   // refused for another reason, or too often: nothing will come of it
    };
    static constexpr int races_lost_max = 5;  // in a row

    // A response is wanted; take_due() says when to ask for it.
    void respond(std::string_view instructions);
    // The instructions to create a response with, now, under this event id; at most one per free
    // slot.
    std::optional<std::string> take_due(std::string_view event_id);

    // Silence is wanted: withdraws, too. The id to cancel now ("": the active one), if there is one.
    std::optional<std::string> cancel();
    // Takes back the follow-up, and the create that is out: refused, it is not asked for again;
    // begun, it is cancelled.
    void withdraw();

    struct Began {
        bool is_asked_for = true;  // as far as can be told
        bool is_cancel_due = false;
    };
    // create_id: of our create that the response names as its cause; "": none.
    Began on_created(std::string_view response_id, std::string_view create_id = {});
    void on_done(std::string_view response_id);
    Refusal on_error(std::string_view event_id, std::string_view code, std::string_view param);

    State state() const { return state_; }
    bool has_follow_up() const { return follow_up_.has_value(); }
    const std::string& active_id() const { return active_id_; }

 private:
    void free_slot();

    State state_ = State::free;
    std::string active_id_;                 // "" while unknown
    std::optional<std::string> follow_up_;  // its instructions
    // event id of the last create, while a refusal may still come
    std::string create_id_;
    std::string create_instructions_;
    bool is_withdrawn_ = false;     // the last create
    bool was_overtaken_ = false;    // by another response, since the last create
    bool are_causes_told_ = false;  // the server has named a create of ours as a cause
    int races_lost_ = 0;
};

}  // namespace parley::engine
