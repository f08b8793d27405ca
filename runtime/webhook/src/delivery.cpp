#include <parley/webhook/delivery.hpp>

#include <parley/core/crypto.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace parley::webhook {
namespace {

constexpr std::size_t problem_bytes_max = 300;
constexpr std::chrono::hours retry_after_max{24};
constexpr int doublings_max = 20;
constexpr int gone = 410;  // the receiver wants no more

}  // namespace

std::string signature(const Secret& secret, std::int64_t unix_seconds, std::string_view body) {
    const auto digest =
        crypto::hmac_sha256(secret.reveal(), fmt::format("{}.{}", unix_seconds, body));
    return fmt::format("t={},v1={}", unix_seconds, crypto::hex(digest));
}

store::Delivery settled(store::Delivery delivery, const Outcome& outcome, const Patience& patience,
                        WallTime now, double spread) {
    using State = store::Delivery::State;
    const int failures = delivery.attempts++;
    if (outcome.status >= 200 && outcome.status < 300) {
        delivery.state = State::delivered;
        delivery.problem.clear();
        return delivery;
    }
    delivery.problem =
        shortened(outcome.status == 0 ? outcome.problem
                                      : fmt::format("the receiver answered {}", outcome.status),
                  problem_bytes_max);
    const std::int64_t age_ms = unix_ms(now) - delivery.created_at_ms;
    if (outcome.status == gone || age_ms >= milliseconds(patience.give_up_after).count()) {
        delivery.state = State::dead;
        return delivery;
    }
    auto delay = milliseconds(std::min<std::chrono::seconds>(
        patience.first_delay * (std::int64_t{1} << std::min(failures, doublings_max)),
        patience.delay_max));
    delay +=
        milliseconds(static_cast<std::int64_t>(static_cast<double>(delay.count()) * 0.1 * spread));
    if (outcome.retry_after)
        delay = std::max(delay, milliseconds(std::min<std::chrono::seconds>(*outcome.retry_after,
                                                                            retry_after_max)));
    delivery.next_try_at_ms = unix_ms(now + delay);
    return delivery;
}

}  // namespace parley::webhook
