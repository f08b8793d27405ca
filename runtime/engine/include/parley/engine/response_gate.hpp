// response_gate.hpp: one response at a time. Sans-I/O.
//
// Problem: the server refuses response.create while a response is active, and with voice activity
// detection it starts responses by itself, so every create is a race.
// Idea: one slot and one follow-up. A wish waits until the slot is free; a wish that comes while
// one waits joins it (the newest words win); a create that lost the race waits again. A cancel
// before the server has named the response would be lost on the wire, so it is remembered and sent
// by id.
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

    // Silence is wanted: forgets the follow-up. The id to cancel now ("": the active one), if there
    // is one.
    std::optional<std::string> cancel();
    // A response began, by our wish or the server's. The id to cancel now, if that was wanted
    // before.
    std::optional<std::string> on_created(std::string_view response_id);
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
    bool is_cancel_wanted_ = false;  // as soon as the response has a name
    int races_lost_ = 0;
};

}  // namespace parley::engine
