#include <parley/call/say_queue.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::call {
namespace {

constexpr std::string_view say_exactly =
    "Say exactly this to the caller, without adding a word, and then wait: \"{}\"";

// The words stand in quotation marks; their own must not end them early.
std::string without_quotes(std::string text) {
    std::replace(text.begin(), text.end(), '"', '\'');
    return text;
}

}  // namespace

bool SayQueue::add(Wish wish) {
    if (waiting_.size() >= waiting_max) {
        if (wish.say_id != 0) done_.push_back({wish.say_id, SayDone::How::too_many, ""});
        return false;
    }
    waiting_.push_back(std::move(wish));
    return true;
}

std::optional<std::string> SayQueue::begin() {
    if (!is_waiting()) return std::nullopt;
    Wish wish = std::move(waiting_.front());
    waiting_.pop_front();
    std::string instructions =
        wish.kind == Wish::Kind::exactly
            ? fmt::format(fmt::runtime(say_exactly), without_quotes(wish.text))
            : wish.text;
    current_ = Current{Current::State::asked, std::move(wish)};
    return instructions;
}

bool SayQueue::is_current(std::string_view response_id) const {
    return current_ && current_->state == Current::State::speaking &&
           current_->response_id == response_id;
}

void SayQueue::response_started(std::string_view response_id) {
    if (!is_asked()) return;
    current_->state = Current::State::speaking;
    current_->response_id = response_id;
}

void SayQueue::audio(std::string_view response_id, std::string_view item_id) {
    if (!is_current(response_id)) return;
    current_->has_spoken = true;
    if (!current_->open_items.contains(item_id)) current_->open_items.emplace(item_id);
}

void SayQueue::item_closed(const Playout::Heard& item, std::string_view heard) {
    if (!is_current(item.response_id)) return;
    const auto found = current_->open_items.find(item.item_id);
    if (found != current_->open_items.end()) current_->open_items.erase(found);
    if (!heard.empty())
        current_->heard += (current_->heard.empty() ? "" : " ") + std::string(heard);
    if (item.heard_ms < item.received_ms) current_->is_cut = true;
    settle();
}

bool SayQueue::response_done(std::string_view response_id, ResponseDone::Status status) {
    if (!current_) return false;
    // A wish whose response never got an id was refused.
    const bool is_ours = is_current(response_id) || (is_asked() && response_id.empty());
    if (!is_ours) return false;
    if (status == ResponseDone::Status::failed && !current_->has_spoken) {
        waiting_.push_front(std::move(current_->wish));
        current_.reset();
        return true;
    }
    current_->is_response_done = true;
    if (status == ResponseDone::Status::cancelled) current_->is_cut = true;
    settle();
    return false;
}

void SayQueue::settle() {
    if (!current_ || !current_->is_response_done || !current_->open_items.empty()) return;
    if (current_->is_cut) return finish(SayDone::How::interrupted);
    finish(current_->has_spoken && !current_->is_broken_off ? SayDone::How::heard
                                                            : SayDone::How::no_model);
}

void SayQueue::caller_cut_in() {
    if (!current_) return;
    // The last word may have been heard before the caller began: then nothing was cut.
    const bool is_heard = current_->has_spoken && current_->open_items.empty() && !current_->is_cut;
    finish(is_heard ? SayDone::How::heard : SayDone::How::interrupted);
}

void SayQueue::engine_lost() {
    if (!current_ || current_->is_response_done) return;
    if (!current_->has_spoken) {  // nothing was heard: once more when the model is back
        waiting_.push_front(std::move(current_->wish));
        current_.reset();
        return;
    }
    current_->is_response_done = current_->is_broken_off = true;  // what has come is still heard
    settle();
}

void SayQueue::tool_finished(const std::string& tool_call_id) {
    std::erase_if(waiting_, [&](const Wish& wish) { return wish.tool_call_id == tool_call_id; });
}

void SayQueue::end(SayDone::How how) {
    if (current_) finish(how);
    for (const auto& wish : std::exchange(waiting_, {})) {
        if (wish.say_id != 0) done_.push_back({wish.say_id, how, ""});
    }
}

void SayQueue::finish(SayDone::How how) {
    if (current_->wish.say_id != 0)
        done_.push_back({current_->wish.say_id, how, std::move(current_->heard)});
    current_.reset();
}

}  // namespace parley::call
