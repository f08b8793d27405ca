#include <parley/engine/response_gate.hpp>

#include <utility>

namespace parley::engine {

void ResponseGate::respond(std::string_view instructions) {
    // the words that wait already are the better ones
    if (follow_up_ && instructions.empty()) return;
    follow_up_ = std::string(instructions);
}

std::optional<std::string> ResponseGate::take_due(std::string_view event_id) {
    if (state_ != State::free || !follow_up_) return std::nullopt;
    state_ = State::create_requested;
    create_id_ = event_id;
    create_instructions_ = std::move(*follow_up_);
    follow_up_.reset();
    is_withdrawn_ = was_overtaken_ = false;
    return create_instructions_;
}

std::optional<std::string> ResponseGate::cancel() {
    withdraw();
    if (state_ != State::active) return std::nullopt;
    state_ = State::cancel_requested;
    return active_id_;
}

void ResponseGate::withdraw() {
    follow_up_.reset();
    is_withdrawn_ = !create_id_.empty();
}

ResponseGate::Began ResponseGate::on_created(std::string_view response_id,
                                             std::string_view create_id) {
    const bool is_create_out = state_ == State::create_requested;
    active_id_ = response_id;
    state_ = State::active;
    Began began;
    if (create_id.empty()) {
        began.is_asked_for = !are_causes_told_;
        began.is_cancel_due = is_withdrawn_ && is_create_out && !are_causes_told_;
        // create_id_ stays: if this is the server's own response, the refusal of our create may
        // still come.
        was_overtaken_ = true;
    } else {
        are_causes_told_ = true;
        began.is_cancel_due = is_withdrawn_ && create_id == create_id_;
        if (create_id == create_id_) create_id_.clear();
    }
    if (began.is_cancel_due) state_ = State::cancel_requested;
    return began;
}

void ResponseGate::on_done(std::string_view response_id) {
    const bool was_running = state_ == State::active || state_ == State::cancel_requested;
    if (!was_running || (!active_id_.empty() && response_id != active_id_)) return;
    if (response_id == active_id_) races_lost_ = 0;
    free_slot();
}

ResponseGate::Refusal ResponseGate::on_error(std::string_view event_id, std::string_view code,
                                             std::string_view param) {
    if (code == "response_cancel_not_active") {
        // The response ended before the cancel arrived.
        if (state_ == State::cancel_requested) free_slot();
        return Refusal::not_ours;
    }
    const bool is_race = code == "conversation_already_has_active_response";
    // Servers need not name the event; then only the code or the field tells what the error is
    // about.
    const bool is_about_create =
        is_race || (state_ == State::create_requested && param.starts_with("response"));
    const bool is_ours =
        !create_id_.empty() && (event_id.empty() ? is_about_create : event_id == create_id_);
    if (!is_ours) return Refusal::not_ours;

    create_id_.clear();
    if (!is_race) {
        if (state_ == State::create_requested) free_slot();
        return Refusal::dropped;
    }
    // The response in the way may not have been announced to us yet: wait for whichever ends next.
    if (state_ == State::create_requested) state_ = was_overtaken_ ? State::free : State::active;
    if (is_withdrawn_) return Refusal::requeued;  // nobody waits for it any more
    if (++races_lost_ > races_lost_max) return Refusal::dropped;
    if (!follow_up_ || follow_up_->empty()) follow_up_ = std::move(create_instructions_);
    return Refusal::requeued;
}

void ResponseGate::free_slot() {
    // Our create, overtaken by the server's own response, is still to begin or to be refused.
    const bool is_create_out = are_causes_told_ && !create_id_.empty();
    state_ = is_create_out ? State::create_requested : State::free;
    active_id_.clear();
}

}  // namespace parley::engine
