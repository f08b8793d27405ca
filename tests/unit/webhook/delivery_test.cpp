#include <parley/core/crypto.hpp>
#include <parley/webhook/delivery.hpp>

#include <gtest/gtest.h>

namespace parley::webhook {
namespace {

using State = store::Delivery::State;
using namespace std::chrono_literals;

constexpr WallTime noon{std::chrono::hours(24 * 20'000 + 12)};

store::Delivery fresh() {
    store::Delivery delivery;
    delivery.id = "d1";
    delivery.created_at_ms = delivery.next_try_at_ms = unix_ms(noon);
    return delivery;
}
store::Delivery after(store::Delivery delivery, Outcome outcome, WallTime now = noon,
                      double spread = 0) {
    return settled(std::move(delivery), outcome, {}, now, spread);
}
std::int64_t waits_ms(const store::Delivery& delivery, WallTime now = noon) {
    return delivery.next_try_at_ms - unix_ms(now);
}

TEST(WebhookSignature, IsAnHmacOverTimeAndBody) {
    // openssl: printf '1764352800.{"a":1}' | openssl dgst -sha256 -hmac s3cret
    EXPECT_EQ(
        signature(Secret("s3cret"), 1'764'352'800, R"({"a":1})"),
        "t=1764352800,v1=" + crypto::hex(crypto::hmac_sha256("s3cret", R"(1764352800.{"a":1})")));
    EXPECT_NE(signature(Secret("s3cret"), 1'764'352'800, "{}"),
              signature(Secret("s3cret"), 1'764'352'801, "{}"));
}

TEST(WebhookDelivery, IsDoneWithAnyTwoHundred) {
    for (const int status : {200, 202, 204}) {
        const auto done = after(fresh(), {status, ""});
        EXPECT_EQ(done.state, State::delivered);
        EXPECT_EQ(done.attempts, 1);
    }
}

TEST(WebhookDelivery, IsTriedAgainTwiceAsLateEachTimeUpToAnHour) {
    auto delivery = fresh();
    std::vector<std::int64_t> waits;
    for (int i = 0; i < 12; ++i) {
        delivery = after(delivery, {503, ""});
        waits.push_back(waits_ms(delivery) / 1'000);
    }
    EXPECT_EQ(waits, (std::vector<std::int64_t>{5, 10, 20, 40, 80, 160, 320, 640, 1'280, 2'560,
                                                3'600, 3'600}));
    EXPECT_EQ(delivery.problem, "the receiver answered 503");
    EXPECT_EQ(waits_ms(after(fresh(), {0, "refused"}, noon, 1)), 5'500);
}

TEST(WebhookDelivery, WaitsAsLongAsTheReceiverAsksForAtMostADay) {
    EXPECT_EQ(waits_ms(after(fresh(), {429, "", 90s})), 90'000);
    EXPECT_EQ(waits_ms(after(fresh(), {429, "", 1s})), 5'000);
    EXPECT_EQ(waits_ms(after(fresh(), {429, "", std::chrono::hours(1'000)})), 24 * 3'600'000);
}

TEST(WebhookDelivery, DiesAfterItsDaysOrWhenTheReceiverIsGone) {
    EXPECT_EQ(after(fresh(), {410, ""}).state, State::dead);
    EXPECT_EQ(after(fresh(), {0, "refused"}, noon + std::chrono::hours(71)).state, State::waiting);
    const auto dead = after(fresh(), {0, "connection refused"}, noon + std::chrono::hours(72));
    EXPECT_EQ(dead.state, State::dead);
    EXPECT_EQ(dead.problem, "connection refused");
    EXPECT_EQ(after(fresh(), {301, ""}).state, State::waiting) << "redirects are not followed";
}

}  // namespace
}  // namespace parley::webhook
