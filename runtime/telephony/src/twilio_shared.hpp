// twilio_shared.hpp: what the service and its streams share.
#pragma once

#include "transfers.hpp"

#include <parley/telephony/signature.hpp>
#include <parley/telephony/twilio.hpp>

#include <fmt/format.h>

#include <atomic>

namespace parley::telephony {

// Below a webhook.
inline constexpr std::string_view ended_suffix = "/ended";
inline constexpr std::string_view transferred_suffix = "/transferred";
inline constexpr std::string_view briefing_suffix = "/briefing";
inline constexpr std::string_view transfer_field = "transfer";

// Where the one who is called asks what it is about.
inline std::string briefing_url(const std::string& public_url, const TwilioService::Path& path,
                                std::string_view transfer) {
    return fmt::format("{}{}{}?{}={}", public_url, path.voice, briefing_suffix, transfer_field,
                       transfer);
}

struct TwilioService::Shared {
    Shared(Options wanted, std::shared_ptr<Calls> the_calls)
        : options(std::move(wanted)), calls(std::move(the_calls)), check(options.auth_tokens) {}

    const Options options;
    const std::shared_ptr<Calls> calls;
    const SignatureCheck check;
    Transfers transfers;
    std::atomic<bool> has_told_no_public_url = false;
    std::atomic<std::size_t> next_home = 0;
};

// Whether the caller has still to hear why the line went dead: the call's own phrases could not be
// played.
inline bool is_apology_due(const std::optional<call::Finish>& ending) {
    if (!ending) return true;  // a node that does not know the call: its own one died
    return ending->reason.ends_with("_unspoken") || ending->reason == "channel_lost" ||
           ending->reason == "never_started";
}

}  // namespace parley::telephony
