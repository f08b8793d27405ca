#include <parley/reload/debounce.hpp>

#include <algorithm>

namespace parley::reload {

void Debounce::changed(TimePoint now) {
    if (!first_) first_ = now;
    last_ = now;
}

std::optional<TimePoint> Debounce::due_at() const {
    if (!first_) return std::nullopt;
    return std::min(last_ + options_.quiet, *first_ + std::max(options_.patience, options_.quiet));
}

bool Debounce::take_due(TimePoint now) {
    const auto due = due_at();
    if (!due || now < *due) return false;
    first_.reset();
    return true;
}

}  // namespace parley::reload
