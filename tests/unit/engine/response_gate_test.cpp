#include <parley/engine/response_gate.hpp>

#include <gtest/gtest.h>

namespace parley::engine {
namespace {

using State = ResponseGate::State;
using Refusal = ResponseGate::Refusal;
constexpr auto race = "conversation_already_has_active_response";

TEST(ResponseGate, CreatesAtOnceWhenFree) {
    ResponseGate gate;
    gate.respond("greet");
    EXPECT_EQ(gate.take_due("e1"), "greet");
    EXPECT_EQ(gate.state(), State::create_requested);
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
}

TEST(ResponseGate, HoldsOneFollowUpUntilTheResponseIsDone) {
    ResponseGate gate;
    gate.on_created("r1");
    gate.respond("");
    gate.respond("");
    EXPECT_EQ(gate.take_due("e1"), std::nullopt);
    gate.on_done("r1");
    EXPECT_EQ(gate.take_due("e1"), "");
    gate.on_created("r2");
    gate.on_done("r2");
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
}

TEST(ResponseGate, KeepsTheNewestWordsOfWishesThatWait) {
    ResponseGate gate;
    gate.on_created("r1");
    gate.respond("first");
    gate.respond("second");
    gate.respond("");
    gate.on_done("r1");
    EXPECT_EQ(gate.take_due("e1"), "second");
}

TEST(ResponseGate, IgnoresTheEndOfAnotherResponse) {
    ResponseGate gate;
    gate.on_created("r1");
    gate.on_done("r0");
    EXPECT_EQ(gate.state(), State::active);
    gate.on_done("r1");
    EXPECT_EQ(gate.state(), State::free);
}

TEST(ResponseGate, CancelsTheActiveResponseById) {
    ResponseGate gate;
    gate.on_created("r1");
    EXPECT_EQ(gate.cancel(), "r1");
    EXPECT_EQ(gate.state(), State::cancel_requested);
    EXPECT_EQ(gate.cancel(), std::nullopt);  // once is enough
    gate.on_done("r1");
    EXPECT_EQ(gate.state(), State::free);
}

TEST(ResponseGate, RemembersACancelUntilTheResponseHasAName) {
    ResponseGate gate;
    gate.respond("");
    (void)gate.take_due("e1");
    EXPECT_EQ(gate.cancel(), std::nullopt);
    EXPECT_TRUE(gate.on_created("r1").is_cancel_due);
    EXPECT_EQ(gate.state(), State::cancel_requested);
    gate.on_done("r1");
    EXPECT_FALSE(gate.on_created("r2").is_cancel_due);  // the next one is wanted
}

TEST(ResponseGate, ForgetsTheFollowUpOnCancelButNotOneAskedForLater) {
    ResponseGate gate;
    gate.on_created("r1");
    gate.respond("before");
    EXPECT_EQ(gate.cancel(), "r1");
    EXPECT_FALSE(gate.has_follow_up());
    gate.respond("goodbye");
    gate.on_done("r1");
    EXPECT_EQ(gate.take_due("e1"), "goodbye");
}

TEST(ResponseGate, FreesTheSlotWhenTheCancelCameTooLate) {
    ResponseGate gate;
    gate.on_created("r1");
    (void)gate.cancel();
    gate.respond("next");
    EXPECT_EQ(gate.on_error("x", "response_cancel_not_active", ""), Refusal::not_ours);
    EXPECT_EQ(gate.take_due("e1"), "next");
    gate.on_done("r1");  // late: must not free what has just been asked for
    EXPECT_EQ(gate.state(), State::create_requested);
}

TEST(ResponseGate, AsksAgainAfterLosingARaceAgainstTheServersOwnResponse) {
    ResponseGate gate;
    gate.respond("result");
    (void)gate.take_due("e1");
    gate.on_created("r_vad");
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e2"), "result");
}

TEST(ResponseGate, WaitsForAResponseItHasNotHeardOf) {
    ResponseGate gate;
    gate.respond("result");
    (void)gate.take_due("e1");
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
    gate.on_done("unknown");
    EXPECT_EQ(gate.take_due("e2"), "result");
}

TEST(ResponseGate, AsksAgainAtOnceWhenTheOtherResponseIsAlreadyOver) {
    ResponseGate gate;
    gate.respond("result");
    (void)gate.take_due("e1");
    gate.on_created("r_vad");
    gate.on_done("r_vad");
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    EXPECT_EQ(gate.take_due("e2"), "result");
}

TEST(ResponseGate, PrefersWhatWasAskedForMeanwhileOverTheRefusedWords) {
    ResponseGate gate;
    gate.respond("old");
    (void)gate.take_due("e1");
    gate.respond("new");
    gate.on_created("r_vad");
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e2"), "new");
}

TEST(ResponseGate, RecognisesARaceWithoutAnEventId) {
    ResponseGate gate;
    gate.respond("");
    (void)gate.take_due("e1");
    EXPECT_EQ(gate.on_error("", race, ""), Refusal::requeued);
}

TEST(ResponseGate, DoesNotAskAgainForWhatWasCancelled) {
    ResponseGate gate;
    gate.respond("");
    (void)gate.take_due("e1");
    (void)gate.cancel();
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
    EXPECT_FALSE(gate.on_created("r2").is_cancel_due);  // nor is the next one cancelled
}

TEST(ResponseGate, DropsACreateRefusedForAnotherReason) {
    ResponseGate gate;
    gate.respond("too long");
    (void)gate.take_due("e1");
    EXPECT_EQ(gate.on_error("e1", "invalid_value", "response.instructions"), Refusal::dropped);
    EXPECT_EQ(gate.state(), State::free);
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
}

TEST(ResponseGate, LeavesErrorsOfOtherEventsAlone) {
    ResponseGate gate;
    gate.respond("");
    (void)gate.take_due("e1");
    EXPECT_EQ(gate.on_error("e7", "invalid_value", "item"), Refusal::not_ours);
    EXPECT_EQ(gate.on_error("", "invalid_value", "item.content"), Refusal::not_ours);
    EXPECT_EQ(gate.state(), State::create_requested);
}

TEST(ResponseGate, GivesUpOnAServerThatAlwaysRefuses) {
    ResponseGate gate;
    gate.respond("");
    for (int i = 0; i < ResponseGate::races_lost_max; ++i) {
        ASSERT_TRUE(gate.take_due("e"));
        ASSERT_EQ(gate.on_error("e", race, ""), Refusal::requeued);
        gate.on_done("?");
    }
    ASSERT_TRUE(gate.take_due("e"));
    EXPECT_EQ(gate.on_error("e", race, ""), Refusal::dropped);
    EXPECT_FALSE(gate.has_follow_up());
}

// ---- whose response it is ----

TEST(ResponseGate, TellsItsOwnResponseFromTheServersOnceTheServerNamesTheCause) {
    ResponseGate gate;
    gate.respond("greet");
    (void)gate.take_due("e1");
    EXPECT_TRUE(gate.on_created("r1", "e1").is_asked_for);
    gate.on_done("r1");
    EXPECT_FALSE(gate.on_created("r_vad").is_asked_for);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.state(), State::free);
}

TEST(ResponseGate, CountsAResponseAsItsOwnWhereTheServerNeverNamesTheCause) {
    ResponseGate gate;
    gate.respond("greet");
    (void)gate.take_due("e1");
    EXPECT_TRUE(gate.on_created("r1").is_asked_for);
    gate.on_done("r1");
    EXPECT_EQ(gate.state(), State::free);
}

struct OvertakenGate : testing::Test {
    OvertakenGate() {
        gate.respond("greet");
        (void)gate.take_due("e1");
        gate.on_created("r1", "e1");
        gate.on_done("r1");
        gate.respond("result");
        (void)gate.take_due("e2");
        gate.on_created("r_vad");  // the server was faster
    }
    ResponseGate gate;
};

TEST_F(OvertakenGate, WaitsForItsOwnCreateAfterTheServersResponse) {
    gate.respond("more");
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e3"), std::nullopt);  // e2 may still begin
    EXPECT_TRUE(gate.on_created("r2", "e2").is_asked_for);
    gate.on_done("r2");
    EXPECT_EQ(gate.take_due("e3"), "more");
}

TEST_F(OvertakenGate, AsksAgainWhenRefusedBeforeTheEndOfTheServersResponse) {
    EXPECT_EQ(gate.on_error("e2", race, ""), Refusal::requeued);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e3"), "result");
}

TEST_F(OvertakenGate, AsksAgainWhenRefusedAfterTheEndOfTheServersResponse) {
    gate.on_done("r_vad");
    EXPECT_EQ(gate.on_error("e2", race, ""), Refusal::requeued);
    EXPECT_EQ(gate.take_due("e3"), "result");
}

TEST_F(OvertakenGate, DoesNotAskAgainForWhatWasWithdrawn) {
    gate.withdraw();
    EXPECT_EQ(gate.state(), State::active);  // the server ends its own
    EXPECT_EQ(gate.on_error("e2", race, ""), Refusal::requeued);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e3"), std::nullopt);
}

TEST_F(OvertakenGate, CancelsWhatWasWithdrawnAndBeginsAllTheSame) {
    gate.withdraw();
    gate.on_done("r_vad");
    EXPECT_FALSE(gate.on_created("r_answer").is_cancel_due);  // to what the caller said then
    gate.on_done("r_answer");
    EXPECT_TRUE(gate.on_created("r2", "e2").is_cancel_due);
}

TEST(ResponseGate, DoesNotAskAgainForWhatWasWithdrawnWhereTheCauseIsNotTold) {
    ResponseGate gate;
    gate.respond("result");
    (void)gate.take_due("e1");
    gate.on_created("r_vad");
    gate.withdraw();
    EXPECT_EQ(gate.on_error("e1", race, ""), Refusal::requeued);
    gate.on_done("r_vad");
    EXPECT_EQ(gate.take_due("e2"), std::nullopt);
    EXPECT_FALSE(gate.on_created("r_answer").is_cancel_due);
}

}  // namespace
}  // namespace parley::engine
