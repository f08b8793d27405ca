#include <parley/ops/attempts.hpp>

#include <algorithm>

namespace parley::ops {

// With all but one of the free attempts used up.
TimePoint Attempts::barred_until(const Peer& peer) const {
    return peer.free_again - limits_.one_more_every * (limits_.free - 1);
}

Attempts::Peer& Attempts::of(std::string_view peer, TimePoint now) {
    const auto found = peers_.find(peer);
    if (found != peers_.end()) return found->second;
    if (peers_.size() >= limits_.peers_max) {
        std::erase_if(peers_, [&](const auto& each) { return each.second.free_again <= now; });
        if (peers_.size() >= limits_.peers_max) peers_.erase(peers_.begin());
    }
    return peers_.emplace(std::string(peer), Peer{now, {}}).first->second;
}

bool Attempts::is_barred(std::string_view peer, std::string_view name, TimePoint now) const {
    const auto found = peers_.find(peer);
    if (found == peers_.end()) return false;
    return now < barred_until(found->second) && !found->second.known.contains(name);
}

bool Attempts::failed(std::string_view peer, TimePoint now) {
    auto& known = of(peer, now);
    const bool was_barred = now < barred_until(known);
    // what is over the limit does not make it longer
    const auto longest = now + limits_.one_more_every * limits_.free;
    known.free_again = std::min(std::max(known.free_again, now) + limits_.one_more_every, longest);
    return !was_barred && now < barred_until(known);
}

void Attempts::succeeded(std::string_view peer, std::string_view name, TimePoint now) {
    auto& known = of(peer, now).known;
    if (!known.contains(name)) known.emplace(name);
}

std::chrono::seconds Attempts::wait_for(std::string_view peer, TimePoint now) const {
    const auto found = peers_.find(peer);
    if (found == peers_.end() || barred_until(found->second) <= now) return {};
    return std::chrono::ceil<std::chrono::seconds>(barred_until(found->second) - now);
}

}  // namespace parley::ops
