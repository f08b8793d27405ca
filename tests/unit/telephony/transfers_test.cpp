#include "../../../runtime/telephony/src/transfers.hpp"

#include <gtest/gtest.h>

namespace parley::telephony {
namespace {

using namespace std::chrono_literals;
using How = call::TransferEnded::How;

std::string went(const DialResult& result, const Transfers::Known& known = {}) {
    const auto ended = how_it_went(result, known);
    if (!ended) return "gone";
    switch (ended->how) {
        case How::answered: return "answered";
        case How::no_answer: return "no_answer";
        case How::busy: return "busy";
        case How::declined: return "declined";
        case How::failed: return "failed: " + ended->detail;
    }
    return "";
}

TEST(Transfers, AreOverAsTwilioTells) {
    EXPECT_EQ(went({"completed", "", "in-progress"}), "answered");
    EXPECT_EQ(went({"completed", "true", "in-progress"}), "answered");
    EXPECT_EQ(went({"completed", "true", "completed"}), "answered")
        << "the caller has hung up after the talk";
    EXPECT_EQ(went({"completed", "false", "in-progress"}), "declined");
    EXPECT_EQ(went({"completed", "false", "completed"}), "gone");
    EXPECT_EQ(went({"no-answer", "false", "in-progress"}), "no_answer");
    EXPECT_EQ(went({"no-answer", "", "completed"}), "gone");
    EXPECT_EQ(went({"busy", "", "in-progress"}), "busy");
    EXPECT_EQ(went({"failed", "", "in-progress"}),
              "failed: the carrier could not reach the number");
    EXPECT_EQ(went({"canceled", "", "in-progress"}), "failed: the carrier says: canceled");
    EXPECT_EQ(went({"", "", "in-progress"}), "failed: the carrier says: ");
}

TEST(Transfers, OfOneWhoWasBriefedAreTakenOnlyWithTheKey) {
    EXPECT_EQ(went({"completed", "", "in-progress"}, {.is_briefed = true}), "declined");
    EXPECT_EQ(went({"completed", "", "in-progress"}, {true, true}), "answered");
    EXPECT_EQ(went({"completed", "false", "in-progress"}, {true, true}), "declined");
    EXPECT_EQ(went({"completed", "", "completed"}, {.is_briefed = true}), "gone");
}

TEST(Transfers, AreKnownByTheirNameAndByTheirCall) {
    Transfers transfers;
    const TimePoint now{};
    const auto warm = transfers.begin("CA1", "Ann is on the line.", now);
    const auto cold = transfers.begin("CA2", "", now);
    EXPECT_EQ(warm.size(), 32u);
    EXPECT_EQ(transfers.briefing_of(warm), "Ann is on the line.");
    EXPECT_FALSE(transfers.briefing_of(cold));
    EXPECT_FALSE(transfers.briefing_of("ab12"));
    EXPECT_TRUE(transfers.of_call("CA1").is_briefed);
    EXPECT_FALSE(transfers.of_call("CA1").is_accepted);
    transfers.accept(warm);
    EXPECT_TRUE(transfers.of_call("CA1").is_accepted);
    EXPECT_TRUE(transfers.of_call("CA1").is_accepted) << "Twilio may ask twice";
    EXPECT_FALSE(transfers.of_call("CA2").is_briefed);
    EXPECT_FALSE(transfers.of_call("CA9").is_briefed);
}

TEST(Transfers, AreForgottenWithTheNextOfTheirCallAndAfterHours) {
    Transfers transfers;
    const TimePoint now{};
    const auto first = transfers.begin("CA1", "First.", now);
    transfers.accept(first);
    transfers.begin("CA1", "Second.", now + 1min);
    EXPECT_FALSE(transfers.briefing_of(first));
    EXPECT_FALSE(transfers.of_call("CA1").is_accepted);
    transfers.begin("CA2", "Other.", now + 6h);
    EXPECT_FALSE(transfers.of_call("CA1").is_briefed);
}

}  // namespace
}  // namespace parley::telephony
