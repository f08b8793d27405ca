#include <parley/telephony/gap_filler.hpp>

#include <algorithm>

namespace parley::telephony {
namespace {

// Beyond any call; also keeps positions in bytes far from overflow.
constexpr std::int64_t timestamp_max_ms = 1'000'000'000'000;

}  // namespace

GapFiller::Advice GapFiller::on_media(std::optional<std::int64_t> timestamp_ms,
                                      std::optional<std::int64_t> chunk, std::size_t bytes,
                                      TimePoint now) {
    if (timestamp_ms && (*timestamp_ms < 0 || *timestamp_ms > timestamp_max_ms))
        timestamp_ms.reset();
    if (!first_at_) first_at_ = now;
    last_at_ = now;
    const bool was_stalled = std::exchange(is_stalled_, false);

    const bool is_backward = timestamp_ms && last_timestamp_ && *timestamp_ms < *last_timestamp_;
    const bool is_repeated = chunk && last_chunk_ && *chunk == *last_chunk_ &&
                             (!timestamp_ms || timestamp_ms == last_timestamp_);
    Advice advice;
    // Repeats and steps back without end are a peer that does not count, or counts anew: its audio
    // is worth more than its numbers.
    if ((is_repeated || is_backward) && backward_ < options_.backward_max) {
        ++backward_;
        ++dropped_;
        advice.drop = true;
        return advice;
    }
    if (!is_repeated) backward_ = 0;
    last_chunk_ = chunk;
    if (timestamp_ms && !is_repeated) {
        const std::int64_t begins =
            *timestamp_ms * static_cast<std::int64_t>(options_.bytes_per_ms);
        // A hole that a stall has already been filled for, or a peer that counts anew: only the
        // position is taken over.
        if (expected_ && !was_stalled && !is_backward &&
            begins - *expected_ > static_cast<std::int64_t>(bytes_of(options_.jump_min))) {
            const auto hole = static_cast<std::size_t>(begins - *expected_);
            advice.silence_bytes = affordable(std::min(hole, bytes_of(options_.fill_max)), now);
        }
        expected_ = begins + static_cast<std::int64_t>(bytes);
        last_timestamp_ = timestamp_ms;
    } else if (expected_) {
        *expected_ += static_cast<std::int64_t>(bytes);
    }
    filled_ += static_cast<std::int64_t>(advice.silence_bytes);
    heard_ += static_cast<std::int64_t>(bytes + advice.silence_bytes);
    return advice;
}

TimePoint GapFiller::deadline() const {
    return first_at_ && !is_stalled_ ? last_at_ + options_.stall_after : TimePoint::max();
}

std::size_t GapFiller::on_time(TimePoint now) {
    if (now < deadline()) return 0;
    is_stalled_ = true;
    const std::size_t silence = bytes_of(options_.stall_fill);
    filled_ += static_cast<std::int64_t>(silence);
    heard_ += static_cast<std::int64_t>(silence);
    return silence;
}

std::size_t GapFiller::affordable(std::size_t wanted, TimePoint now) const {
    const auto passed =
        std::chrono::duration_cast<milliseconds>(now - *first_at_) + options_.fill_max;
    const std::int64_t budget =
        passed.count() * static_cast<std::int64_t>(options_.bytes_per_ms) - heard_;
    return static_cast<std::size_t>(
        std::clamp<std::int64_t>(budget, 0, static_cast<std::int64_t>(wanted)));
}

std::size_t GapFiller::bytes_of(milliseconds length) const {
    return static_cast<std::size_t>(length.count()) * options_.bytes_per_ms;
}

}  // namespace parley::telephony
