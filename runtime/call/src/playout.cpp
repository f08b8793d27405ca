#include <parley/call/playout.hpp>

#include <algorithm>

namespace parley::call {

void Playout::add(std::string_view response_id, std::string_view item_id, int content_index,
                  Bytes audio) {
    if (audio.empty()) return;
    const bool continues = !items_.empty() && !items_.back().is_finished &&
                           items_.back().item_id == item_id &&
                           items_.back().content_index == content_index;
    if (!continues) {
        begin_item({.response_id = std::string(response_id),
                    .item_id = std::string(item_id),
                    .content_index = content_index});
    }
    append(audio);
}

void Playout::add_local(std::string_view name, Bytes audio) {
    if (audio.empty()) return;
    begin_item({.item_id = std::string(name), .is_local = true});
    append(audio);
    finish_item();
}

void Playout::begin_item(Item item) {
    finish_item();
    item.start = item.end = received_;
    items_.push_back(std::move(item));
}

void Playout::append(Bytes audio) {
    // What has been sent is given back before the buffer grows: it stays as large as the longest
    // lead, not the call.
    if (queue_head_ == queue_.size()) {
        queue_.clear();
        queue_head_ = 0;
    } else if (queue_head_ > queue_.size() / 2) {
        queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(queue_head_));
        queue_head_ = 0;
    }
    const std::size_t room =
        to_bytes(options_.queued_max) - std::min(to_bytes(options_.queued_max), waiting());
    const std::size_t taken = std::min(room, audio.size());
    dropped_ += audio.size() - taken;
    queue_.insert(queue_.end(), audio.begin(), audio.begin() + static_cast<std::ptrdiff_t>(taken));
    received_ += taken;
    items_.back().size += taken;
    items_.back().end = received_;
}

void Playout::finish_item() {
    if (items_.empty() || items_.back().is_finished) return;
    Item& item = items_.back();
    item.is_finished = true;
    const std::size_t tail = waiting() % frame_bytes();
    if (tail == 0) return;
    const std::size_t padding = frame_bytes() - tail;
    queue_.insert(queue_.end(), padding, options_.silence);
    received_ += padding;
    item.end = received_;
}

void Playout::send_due(TimePoint now, std::vector<Command>& out) {
    paced_until_ = std::max(paced_until_, now);
    while (whole_frames() > 0) {
        const auto ahead = paced_until_ - now;
        if (ahead > options_.lead - options_.refill) break;
        const auto wanted = std::chrono::duration_cast<milliseconds>(options_.lead - ahead);
        const std::size_t frames = std::max<std::size_t>(
            1, to_bytes(std::min(wanted, options_.message_max)) / frame_bytes());
        const std::size_t size = std::min(whole_frames(), frames * frame_bytes());
        out.push_back(Play{Bytes(queue_.data() + queue_head_, size)});
        queue_head_ += size;
        sent_ += size;
        const milliseconds span(to_ms(size));
        paced_until_ += span;
        heard_until_ = std::max(heard_until_, now) + span;
        if (sent_ - marked_ >= to_bytes(options_.mark_every) && !owes_last_mark()) {
            marks_.push_back({next_mark_, sent_});
            marked_ = sent_;
            out.push_back(SendMark{next_mark_++});
        }
    }
    if (owes_last_mark()) {
        marks_.push_back({next_mark_, sent_});
        marked_ = sent_;
        out.push_back(SendMark{next_mark_++});
    }
}

bool Playout::owes_last_mark() const {
    return sent_ > marked_ && waiting() == 0 && !items_.empty() && items_.back().is_finished;
}

TimePoint Playout::next_due() const {
    if (owes_last_mark()) return TimePoint::min();
    if (whole_frames() > 0) return paced_until_ - (options_.lead - options_.refill);
    if (!items_.empty() && items_.back().is_finished) return heard_until_ + options_.mark_grace;
    return TimePoint::max();
}

void Playout::mark_played(std::uint32_t mark, TimePoint now) {
    const auto found = std::find_if(marks_.begin(), marks_.end(),
                                    [&](const Mark& sent) { return sent.id == mark; });
    if (found == marks_.end()) return;  // cancelled by an interruption, or made up by the peer
    confirmed_ = found->position;
    marks_.erase(marks_.begin(), found + 1);
    heard_until_ = now + milliseconds(to_ms(sent_ - confirmed_));
}

std::uint64_t Playout::heard_position(TimePoint now) const {
    if (now >= heard_until_) return sent_;
    const auto left =
        std::chrono::duration_cast<std::chrono::microseconds>(heard_until_ - now).count();
    const auto unheard = static_cast<std::uint64_t>(left) * options_.bytes_per_ms / 1000;
    return std::max(confirmed_, sent_ - std::min(sent_, unheard));
}

bool Playout::is_confirmed(std::uint64_t position, TimePoint now) const {
    return confirmed_ >= position ||
           (sent_ >= position && now >= heard_until_ + options_.mark_grace);
}

Playout::Heard Playout::heard_of(const Item& item, std::uint64_t heard) const {
    const std::uint64_t within = heard <= item.start ? 0 : std::min(heard - item.start, item.size);
    return {item.item_id,  item.response_id, item.content_index,
            to_ms(within), to_ms(item.size), item.is_local};
}

std::vector<Playout::Heard> Playout::take_heard(TimePoint now) {
    std::vector<Heard> done;
    while (!items_.empty() && items_.front().is_finished && is_confirmed(items_.front().end, now)) {
        done.push_back(heard_of(items_.front(), items_.front().end));
        items_.pop_front();
    }
    if (items_.empty() && waiting() == 0 && queue_.capacity() > to_bytes(std::chrono::seconds(4))) {
        // a long answer must not hold its memory for the rest of the call
        std::vector<std::uint8_t>().swap(queue_);
        queue_head_ = 0;
    }
    return done;
}

std::vector<Playout::Heard> Playout::interrupt(TimePoint now) {
    const std::uint64_t heard = heard_position(now);
    std::vector<Heard> cut;
    for (const Item& item : items_) {
        if (item.is_finished && is_confirmed(item.end, now)) continue;
        cut.push_back(heard_of(item, heard));
    }
    items_.clear();
    marks_.clear();
    queue_.clear();
    queue_head_ = 0;
    received_ = confirmed_ = marked_ = sent_;
    paced_until_ = heard_until_ = now;
    return cut;
}

bool Playout::is_idle(TimePoint now) const {
    return whole_frames() == 0 && is_confirmed(sent_, now);
}

bool Playout::is_audible(TimePoint now) const {
    return whole_frames() > 0 || heard_position(now) < sent_;
}

std::int64_t Playout::dropped_ms() const { return to_ms(dropped_); }

}  // namespace parley::call
