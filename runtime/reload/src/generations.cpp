#include <parley/reload/generations.hpp>

#include <algorithm>

namespace parley::reload {

std::string_view to_string(Cause cause) {
    switch (cause) {
        case Cause::start: return "start";
        case Cause::saved: return "saved";
        case Cause::asked: return "asked";
        case Cause::signal: return "signal";
        case Cause::rollback: return "rollback";
    }
    return "";
}

Generations::Generations(std::shared_ptr<Generation> first, WallTime now) {
    first->number = next_number_++;
    first->made_at = now;
    counts_.since = counts_.last_success = now;
    serving_.push_back(std::move(first));
}

std::shared_ptr<const Generation> Generations::current() const {
    const std::lock_guard lock(mutex_);
    return serving_.back();
}

std::shared_ptr<const Generation> Generations::publish(std::shared_ptr<Generation> next,
                                                       Cause cause, WallTime now) {
    std::shared_ptr<const Generation> gone;  // freed outside the lock: it may be large
    const std::lock_guard lock(mutex_);
    next->number = next_number_++;
    next->made_at = now;
    serving_.push_back(next);
    if (serving_.size() > kept_max) {
        gone = std::move(serving_.front());
        serving_.pop_front();
        older_.push_back(gone);
    }
    std::erase_if(older_, [](const auto& weak) { return weak.expired(); });
    counts_.since = counts_.last_success = now;
    counts_.cause = cause;
    ++counts_.successes;
    if (counts_.failure) counts_.failure->is_current = false;
    return next;
}

void Generations::refuse(Failure failure) {
    const std::lock_guard lock(mutex_);
    counts_.failure = std::move(failure);
    ++counts_.failures;
}

void Generations::mended(WallTime now) {
    const std::lock_guard lock(mutex_);
    if (!counts_.failure || !counts_.failure->is_current) return;
    counts_.failure->is_current = false;
    counts_.last_success = now;
}

std::shared_ptr<const Generation> Generations::roll_back(WallTime now) {
    const std::lock_guard lock(mutex_);
    if (serving_.size() < 2) return nullptr;
    older_.push_back(serving_.back());
    serving_.pop_back();
    counts_.since = now;
    counts_.cause = Cause::rollback;
    ++counts_.rollbacks;
    return serving_.back();
}

Generations::Status Generations::status() const {
    const std::lock_guard lock(mutex_);
    Status status = counts_;
    status.serving = serving_.back();
    for (const auto& generation : serving_) {
        const bool is_serving = generation == serving_.back();
        status.generations.push_back({generation, is_serving, !is_serving});
    }
    for (const auto& weak : older_) {
        if (auto generation = weak.lock(); generation && generation->calls > 0)
            status.generations.push_back({std::move(generation)});
    }
    std::sort(
        status.generations.begin(), status.generations.end(),
        [](const Line& a, const Line& b) { return a.generation->number > b.generation->number; });
    return status;
}

}  // namespace parley::reload
