#include <parley/core/virtual_clock.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace parley {

struct VirtualClock::State {
    struct Bell {
        std::function<void()> ring;
        bool is_gone = false;
    };
    using Key = std::pair<TimePoint, std::uint64_t>;

    TimePoint now{std::chrono::hours(24)};  // not the epoch: rules subtract from it
    WallTime wall_at_zero;                  // the time of day at TimePoint zero
    std::uint64_t armed = 0;
    std::map<Key, std::shared_ptr<Bell>> queue;

    WallTime wall_now() const {
        return wall_at_zero +
               std::chrono::duration_cast<WallTime::duration>(now.time_since_epoch());
    }
    void set_wall(WallTime when) {
        wall_at_zero =
            when - std::chrono::duration_cast<WallTime::duration>(now.time_since_epoch());
    }

    class VirtualAlarm final : public Alarm {
     public:
        VirtualAlarm(std::shared_ptr<State> state, std::function<void()> ring)
            : state_(std::move(state)), bell_(std::make_shared<Bell>(Bell{std::move(ring)})) {}
        ~VirtualAlarm() override {
            VirtualAlarm::cancel();
            bell_->is_gone = true;
            bell_->ring = nullptr;
        }
        VirtualAlarm(const VirtualAlarm&) = delete;
        VirtualAlarm& operator=(const VirtualAlarm&) = delete;

        void arm(TimePoint deadline) override {
            cancel();
            // The past is over: what is late rings next, and time never runs backwards.
            key_ = {std::max(deadline, state_->now), ++state_->armed};
            state_->queue.emplace(*key_, bell_);
        }
        void cancel() override {
            if (key_) state_->queue.erase(*key_);
            key_.reset();
        }

     private:
        std::shared_ptr<State> state_;
        std::shared_ptr<Bell> bell_;
        std::optional<Key> key_;
    };

    class VirtualTimekeeper final : public Timekeeper {
     public:
        explicit VirtualTimekeeper(std::shared_ptr<State> state) : state_(std::move(state)) {}
        TimePoint now() const override { return state_->now; }
        WallTime wall_now() const override { return state_->wall_now(); }
        std::unique_ptr<Alarm> make_alarm(std::function<void()> ring) override {
            return std::make_unique<VirtualAlarm>(state_, std::move(ring));
        }

     private:
        std::shared_ptr<State> state_;
    };
};

VirtualClock::VirtualClock(WallTime start) : state_(std::make_shared<State>()) {
    state_->set_wall(start);
}

TimePoint VirtualClock::now() const { return state_->now; }
WallTime VirtualClock::wall_now() const { return state_->wall_now(); }
void VirtualClock::set_wall(WallTime when) { state_->set_wall(when); }

std::unique_ptr<Timekeeper> VirtualClock::make_timekeeper() const {
    return std::make_unique<State::VirtualTimekeeper>(state_);
}

std::unique_ptr<Alarm> VirtualClock::make_alarm(std::function<void()> ring) const {
    return std::make_unique<State::VirtualAlarm>(state_, std::move(ring));
}

TimePoint VirtualClock::next_alarm() const {
    return state_->queue.empty() ? TimePoint::max() : state_->queue.begin()->first.first;
}

bool VirtualClock::ring_next(TimePoint limit) {
    if (next_alarm() > limit) {
        state_->now = std::max(state_->now, limit);
        return false;
    }
    auto node = state_->queue.extract(state_->queue.begin());
    state_->now = node.key().first;
    const auto bell = node.mapped();
    // Out of the bell while it runs: it may destroy the alarm, and with it what it has captured.
    auto ring = std::move(bell->ring);
    ring();
    if (!bell->is_gone) bell->ring = std::move(ring);
    return true;
}

}  // namespace parley
