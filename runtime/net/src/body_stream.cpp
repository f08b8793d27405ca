#include <parley/net/body_stream.hpp>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace parley::net {

// One wake for all pieces that come before the connection looks.
void BodyStream::signal(std::unique_lock<std::mutex> lock) {
    if (is_woken_ || !wake_) return;
    is_woken_ = true;
    const auto wake = wake_;
    lock.unlock();
    wake();
}

bool BodyStream::put(Piece piece) {
    std::unique_lock lock(mutex_);
    if (state_ != State::open) return false;
    if (piece->empty()) return true;
    queued_ += piece->size();
    queue_.push_back(std::move(piece));
    signal(std::move(lock));
    return true;
}

bool BodyStream::send(Piece piece) {
    const auto waiting = queued_bytes();
    if (waiting == 0 || waiting + piece->size() <= limits_.queue_bytes_max)
        return put(std::move(piece));
    close(State::overrun);
    return false;
}

bool BodyStream::send(std::string piece) {
    return send(std::make_shared<const std::string>(std::move(piece)));
}

Task<bool> BodyStream::write(std::string piece) {
    if (!put(std::make_shared<const std::string>(std::move(piece)))) co_return false;
    const auto home = co_await asio::this_coro::executor;
    auto wait = [this, home](auto handler) {
        auto kept = std::make_shared<decltype(handler)>(std::move(handler));
        auto go_on = [kept, home] { asio::post(home, [kept] { (*kept)(); }); };
        std::unique_lock lock(mutex_);
        const bool must_wait =
            state_ == State::open && queued_ + in_hand_ > limits_.write_ahead_bytes_max;
        if (must_wait) {
            writer_ = std::move(go_on);
        } else {
            lock.unlock();
            go_on();
        }
    };
    co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(wait, asio::use_awaitable);
    co_return is_open();
}

void BodyStream::finish() {
    std::unique_lock lock(mutex_);
    if (state_ != State::open) return;
    state_ = State::finished;
    signal(std::move(lock));
}

void BodyStream::abort() { close(State::over); }

bool BodyStream::is_open() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::open;
}

bool BodyStream::is_broken() const {
    const std::lock_guard lock(mutex_);
    return state_ == State::over || state_ == State::overrun;
}

std::size_t BodyStream::queued_bytes() const {
    const std::lock_guard lock(mutex_);
    return queued_ + in_hand_;
}

void BodyStream::on_over(std::function<void()> over) {
    {
        const std::lock_guard lock(mutex_);
        if (state_ == State::open) {
            over_ = std::move(over);
            return;
        }
    }
    over();
}

void BodyStream::attach(std::function<void()> wake) {
    const std::lock_guard lock(mutex_);
    wake_ = std::move(wake);
}

BodyStream::Taken BodyStream::take() {
    const std::lock_guard lock(mutex_);
    is_woken_ = false;
    Taken taken{{queue_.begin(), queue_.end()}, state_};
    queue_.clear();
    in_hand_ += std::exchange(queued_, 0);
    return taken;
}

void BodyStream::taken_away() {
    std::function<void()> writer;
    {
        const std::lock_guard lock(mutex_);
        in_hand_ = 0;
        if (queued_ <= limits_.write_ahead_bytes_max) writer = std::exchange(writer_, {});
    }
    if (writer) writer();
}

// Whatever is queued is lost.
void BodyStream::close(State state) {
    std::function<void()> wake, over, writer;
    {
        const std::lock_guard lock(mutex_);
        if (state_ == State::over || state_ == State::overrun) return;
        state_ = state;
        queue_.clear();
        queued_ = 0;
        wake = wake_;  // even if it has been called: a write may be under way
        over = std::exchange(over_, {});
        writer = std::exchange(writer_, {});
    }
    if (wake) wake();
    if (over) over();
    if (writer) writer();
}

}  // namespace parley::net
