#include <parley/core/clock.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>

namespace parley {
namespace {

class IoAlarm final : public Alarm {
 public:
    IoAlarm(const boost::asio::any_io_executor& home, std::function<void()> ring)
        : state_(std::make_shared<State>(State{boost::asio::steady_timer(home), std::move(ring)})) {
    }
    IoAlarm(const IoAlarm&) = delete;
    IoAlarm& operator=(const IoAlarm&) = delete;
    ~IoAlarm() override {
        state_->is_gone = true;
        state_->ring = nullptr;
        state_->timer.cancel();
    }

    // A call's deadline moves on with every frame of audio, and setting a timer costs more than the
    // frame. So a timer that is due earlier stays as it is, and looks again when it rings.
    void arm(TimePoint deadline) override {
        state_->deadline = deadline;
        if (!state_->is_waiting || deadline < state_->timer.expiry()) wait(state_);
    }
    void cancel() override {
        ++state_->turn;
        state_->is_waiting = false;
        state_->timer.cancel();
    }

 private:
    struct State {
        boost::asio::steady_timer timer;
        std::function<void()> ring;
        TimePoint deadline = {};
        bool is_waiting = false;
        bool is_gone = false;
        // an expiry already queued must not ring for a replaced or cancelled deadline
        std::uint64_t turn = 0;
    };

    static void wait(const std::shared_ptr<State>& its_state) {
        const auto turn = ++its_state->turn;
        its_state->is_waiting = true;
        its_state->timer.expires_at(its_state->deadline);
        its_state->timer.async_wait(
            [state = its_state, turn](const boost::system::error_code& error) {
                if (error || turn != state->turn || state->is_gone) return;
                if (Clock::now() < state->deadline) return wait(state);
                state->is_waiting = false;
                // Out of the state while it runs: it may destroy the alarm, and with it what it has
                // captured.
                auto ring = std::move(state->ring);
                ring();
                if (!state->is_gone) state->ring = std::move(ring);
            });
    }

    std::shared_ptr<State> state_;  // outlives the alarm while an expiry is queued
};

}  // namespace

std::unique_ptr<Alarm> IoTimekeeper::make_alarm(std::function<void()> ring) {
    return std::make_unique<IoAlarm>(home_, std::move(ring));
}

std::string iso8601(WallTime when) {
    const auto ms = unix_ms(when);
    return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z",
                       fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000);
}

}  // namespace parley
