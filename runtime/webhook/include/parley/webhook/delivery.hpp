// delivery.hpp: how a webhook's message is signed, and when it is tried again.
//
// Sans-I/O. A receiver checks `Parley-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 with
// the secret over "SECONDS.BODY", and that SECONDS is not long ago; docs/webhooks.md has it in code.
#pragma once

#include <parley/core/clock.hpp>
#include <parley/core/text.hpp>
#include <parley/store/store.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace parley::webhook {

// The value of the header.
std::string signature(const Secret& secret, std::int64_t unix_seconds, std::string_view body);

// What came of one attempt.
struct Outcome {
    int status = 0;       // 0: no answer
    std::string problem;  // then why
    std::optional<std::chrono::seconds> retry_after = {};
};

struct Patience {
    std::chrono::days give_up_after{3};  // then the delivery is dead: kept, shown, not tried again
    std::chrono::seconds first_delay{5};
    std::chrono::seconds delay_max{3'600};
};

// The delivery after an attempt: delivered (2xx), dead (410, or too old), or waiting for a later
// one, twice as long each time. `spread` in 0..1 moves that by up to a tenth, so that many do not
// come back at once.
store::Delivery settled(store::Delivery delivery, const Outcome& outcome, const Patience& patience,
                        WallTime now, double spread);

}  // namespace parley::webhook
