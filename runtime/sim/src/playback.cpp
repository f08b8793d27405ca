#include <parley/sim/playback.hpp>

#include <parley/audio/g711.hpp>

namespace parley::sim {

namespace {
constexpr std::int64_t frame_samples = 160;
}

bool Playback::media(std::span<const std::uint8_t> audio, milliseconds now) {
    const std::int64_t here = samples(now);
    advance(here);
    if (audio.empty()) return true;
    if (end_ < here) {  // the queue had run dry
        end_ = here;
        run_begin_ = here;
    }
    if (static_cast<std::size_t>(end_ - here) + audio.size() > options_.queued_bytes_max)
        return false;
    line_.resize(static_cast<std::size_t>(end_), audio::mulaw_silence);
    line_.insert(line_.end(), audio.begin(), audio.end());
    end_ += static_cast<std::int64_t>(audio.size());
    return true;
}

void Playback::mark(std::string name, milliseconds now) {
    const std::int64_t here = samples(now);
    advance(here);
    marks_.push_back({std::move(name), std::max(end_, here)});
    advance(here);
}

void Playback::clear(milliseconds now) {
    const std::int64_t here = samples(now);
    advance(here);
    ++clears_;
    if (end_ > here) {
        end_ = here;
        line_.resize(static_cast<std::size_t>(here));
    }
    for (auto& mark : marks_) echoes_.push_back({std::move(mark.name), now, true});
    marks_.clear();
    run_begin_ = end_;
}

void Playback::advance(std::int64_t now) {
    if (options_.strict_frames && end_ <= now && end_ > run_begin_) {
        const std::int64_t ragged = (end_ - run_begin_) % frame_samples;
        ragged_bytes_lost_ += static_cast<std::size_t>(ragged);
        std::fill(line_.end() - ragged, line_.end(), audio::mulaw_silence);
        run_begin_ = end_;
    }
    while (!marks_.empty() && marks_.front().position <= now) {
        echoes_.push_back({std::move(marks_.front().name),
                           milliseconds((marks_.front().position + 7) / 8), false});
        marks_.pop_front();
    }
}

std::vector<Playback::Echo> Playback::take_echoes(milliseconds now) {
    advance(samples(now));
    return std::exchange(echoes_, {});
}

milliseconds Playback::next_due() const {
    if (!echoes_.empty()) return milliseconds(0);
    return marks_.empty() ? milliseconds::max() : milliseconds((marks_.front().position + 7) / 8);
}

bool Playback::is_playing(milliseconds now) const { return end_ > samples(now); }

milliseconds Playback::queued(milliseconds now) const {
    return milliseconds(std::max<std::int64_t>(0, end_ - samples(now)) / 8);
}

const std::vector<std::uint8_t>& Playback::heard(milliseconds now) {
    const std::int64_t here = samples(now);
    advance(here);
    // What has been heard does not change any more, so only the new part is copied.
    const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(here, 0));
    if (heard_.size() < wanted) {
        const std::size_t known = std::min(wanted, line_.size());
        if (known > heard_.size()) {
            heard_.insert(heard_.end(), line_.begin() + static_cast<std::ptrdiff_t>(heard_.size()),
                          line_.begin() + static_cast<std::ptrdiff_t>(known));
        }
        heard_.resize(wanted, audio::mulaw_silence);
    }
    return heard_;
}

}  // namespace parley::sim
