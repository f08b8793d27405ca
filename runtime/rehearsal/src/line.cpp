#include "line.hpp"

#include <algorithm>

namespace parley::rehearsal {
namespace {

constexpr std::size_t bytes_per_ms = 8;

}  // namespace

class Line::Channel final : public call::Channel {
 public:
    explicit Channel(Line& line) : line_(line) {}
    void play(call::Bytes audio) override { line_.play(audio); }
    void mark(std::uint32_t id) override { line_.mark(id); }
    void clear() override { line_.clear(); }
    void hang_up() override { line_.is_hung_up_ = true; }
    bool transfer(const call::Transfer& transfer) override {
        line_.handed_over_ = transfer;
        line_.handed_over_at_ = line_.clock_.now();
        return true;
    }

 private:
    Line& line_;
};

Line::Line(const VirtualClock& clock, call::EventSink*& sink)
    : clock_(clock), sink_(sink), alarm_(clock.make_alarm([this] { ring(); })) {}

std::unique_ptr<call::Channel> Line::make_channel() { return std::make_unique<Channel>(*this); }

void Line::play(call::Bytes audio) {
    if (audio.empty()) return;
    const auto now = clock_.now();
    if (until_ < now || playing_ != audio.front()) {
        since_ = std::max(now, until_);
        playing_ = begun_ = audio.front();
    }
    until_ = std::max(now, until_) + milliseconds(audio.size() / bytes_per_ms);
}

void Line::mark(std::uint32_t id) {
    marks_.push_back({id, std::max(until_, clock_.now())});
    arm();
}

// As the carrier does: silence at once, and every mark that is out comes back.
void Line::clear() {
    until_ = std::min(until_, clock_.now());
    for (auto& each : marks_) each.due = clock_.now();
    arm();
}

void Line::arm() {
    if (marks_.empty()) {
        alarm_->cancel();
    } else {
        alarm_->arm(marks_.front().due);
    }
}

void Line::ring() {
    if (marks_.empty()) return;
    const auto id = marks_.front().id;
    marks_.pop_front();
    arm();
    if (sink_ != nullptr) sink_->on(call::MarkPlayed{id});
}

}  // namespace parley::rehearsal
