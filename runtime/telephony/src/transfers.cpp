#include "transfers.hpp"

#include <parley/core/crypto.hpp>
#include <parley/core/text.hpp>

#include <fmt/format.h>

namespace parley::telephony {
namespace {

// Twilio ends a <Dial> after four hours; of calls that were lost nobody tells.
constexpr std::chrono::hours kept_max{5};
constexpr std::size_t status_bytes_max = 40;

}  // namespace

std::string Transfers::begin(std::string call_sid, std::string briefing, TimePoint now) {
    std::string name = crypto::random_hex(16);
    const std::lock_guard lock(mutex_);
    std::erase_if(open_, [&](const auto& each) {
        return each.second.call_sid == call_sid || now - each.second.began > kept_max;
    });
    open_.emplace(name, Open{std::move(call_sid), std::move(briefing), now});
    return name;
}

std::optional<std::string> Transfers::briefing_of(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(name);
    if (found == open_.end() || found->second.briefing.empty()) return std::nullopt;
    return found->second.briefing;
}

void Transfers::accept(std::string_view name) {
    const std::lock_guard lock(mutex_);
    if (const auto found = open_.find(name); found != open_.end()) found->second.is_accepted = true;
}

Transfers::Known Transfers::of_call(std::string_view call_sid) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, each] : open_) {
        if (each.call_sid == call_sid) return {!each.briefing.empty(), each.is_accepted};
    }
    return {};
}

std::optional<call::TransferEnded> how_it_went(const DialResult& result,
                                               const Transfers::Known& known) {
    using How = call::TransferEnded::How;
    const bool is_taken = result.dial_status == "completed" || result.dial_status == "answered";
    // Whoever hangs up while they are told what it is about has "completed" their call, too.
    const bool is_joined =
        is_taken && result.bridged != "false" && (!known.is_briefed || known.is_accepted);
    if (is_joined) return call::TransferEnded{How::answered};
    if (result.call_status == "completed") return std::nullopt;
    if (is_taken) return call::TransferEnded{How::declined};
    if (result.dial_status == "busy") return call::TransferEnded{How::busy};
    if (result.dial_status == "no-answer") return call::TransferEnded{How::no_answer};
    return call::TransferEnded{
        How::failed,
        result.dial_status == "failed"
            ? std::string("the carrier could not reach the number")
            : fmt::format("the carrier says: {}",
                          to_valid_utf8(shortened(result.dial_status, status_bytes_max)))};
}

}  // namespace parley::telephony
